// Plain words for every code that can reach a person: what is the matter, and what to do.
import type { Problem } from "./state.js";

type Words = Omit<Problem, "code"> & {
  /** Whoever raised it says it better (it knows the value): its sentence replaces the advice. */
  preferDetail?: true;
};

const warn = (title: string, advice: string, actions: Problem["actions"] = ["dismiss"]): Words => ({
  title,
  advice,
  level: "warn",
  actions,
});
/** Where the call is over, the first of these is what most people want then. */
const AGAIN: Problem["actions"] = ["retry", "lobby"];
const CHANGE: Problem["actions"] = ["lobby", "rejoin"];
const REJOIN: Problem["actions"] = ["rejoin", "lobby"];

const error = (title: string, advice: string, actions: Problem["actions"] = AGAIN): Words => ({
  title,
  advice,
  level: "error",
  actions,
});
/** It passes by itself. */
const calm = (title: string): Words => ({ title, advice: "", level: "calm", actions: [] });
const note = (title: string, advice: string, actions: Problem["actions"]): Words => ({
  title,
  advice,
  level: "note",
  actions,
});
const asDetailed = (words: Words): Words => ({ ...words, preferDetail: true });

const NO_CAPTURE: Problem["actions"] = ["retry", "join-without-media", "use-pattern", "dismiss"];

const WORDS: Readonly<Record<string, Words>> = {
  // Capture
  "permission-denied": warn(
    "The browser has blocked camera and microphone for this page.",
    "Click the camera sign in the address bar, allow them, then press Try again.",
    NO_CAPTURE,
  ),
  "no-camera": warn("No camera was found.", "Connect one and press Try again.", [
    "retry",
    "join-sound-only",
    "use-pattern",
    "dismiss",
  ]),
  "no-microphone": warn(
    "No microphone was found.",
    "Connect one and press Try again. Without it you still hear the others.",
    ["retry", "join-without-media", "dismiss"],
  ),
  "device-busy": warn(
    "Another program is using the camera or the microphone.",
    "Close it there, then press Try again.",
    NO_CAPTURE,
  ),
  "insecure-page": warn(
    "On this page the browser gives no camera and no microphone.",
    "It does so only over https:// or at http://localhost. Open the notebook there, or join to watch and listen.",
    ["join-without-media", "use-pattern", "dismiss"],
  ),
  "not-delegated": warn(
    "What is around this page gives it no camera and no microphone.",
    "Open the notebook in a browser tab of its own, or join to watch and listen.",
    ["join-without-media", "use-pattern", "dismiss"],
  ),
  cancelled: warn("Nothing was chosen to share.", "Press the button again to choose a screen or a window."),
  "gesture-needed": warn("The browser wants a click for that.", "Press Share your screen in the cell."),
  "source-ended": warn(
    "What you were sending has gone.",
    "The camera, microphone or screen was unplugged or stopped: switch it on again, or choose another.",
  ),
  "capture-failed": warn(
    "Camera or microphone stopped working.",
    "Press Try again. If it happens again, choose another device.",
    NO_CAPTURE,
  ),

  // Between this page, its kernel and the relay
  "relay-unreachable": asDetailed(
    error(
      "The relay cannot be reached from this page.",
      "It runs beside the notebook's kernel. If the notebook is on another computer, this browser needs a way to the relay's port. relay_widget.doctor() in a cell says what is in the way.",
    ),
  ),
  "websocket-blocked": warn(
    "Something between this page and the relay lets no WebSocket through.",
    "It goes by plain requests, which is slower. Have the proxy pass on Upgrade and Connection, or use another network.",
  ),
  reconnecting: calm("Connection lost. Reconnecting…"),
  "relay-slow": calm("The relay does not answer yet. Still trying…"),
  "kernel-gone": note(
    "Python has gone. The call goes on without it.",
    "The kernel was restarted or shut down. To use this call from Python again, run its cell again.",
    ["leave", "dismiss"],
  ),
  "kernel-silent": note(
    "Python does not answer at the moment. The call goes on without it.",
    "The kernel may be stopped, or this page may have lost the notebook server.",
    ["leave", "dismiss"],
  ),
  "lobby-without-kernel": warn(
    "This call has lost its kernel.",
    "The kernel was restarted or shut down. Run the cell again, then join there.",
    [],
  ),
  "join-without-kernel": error(
    "You cannot join: this call has lost its kernel.",
    "The kernel lets a page into a call, and it was restarted or shut down. Run the cell again, then join there.",
    [],
  ),
  "ticket-missing": error(
    "The kernel does not answer.",
    "It lets this page into the call. If it is busy, wait for its cell to end; if it was restarted, run the cell again.",
  ),
  "mse-missing": error(
    "This browser cannot play the others' pictures and sound.",
    "It lacks Media Source Extensions. A current Chrome, Edge, Firefox or Safari has them.",
    ["dismiss"],
  ),
  "no-common-codec": warn(
    "This browser cannot play what somebody in the room sends.",
    "Their browser and yours have no codec in common. A current Chrome or Firefox on both sides has.",
  ),
  "playback-blocked": warn(
    "The browser plays no sound before you click.",
    "Press “Click to hear” on the person you want to hear.",
  ),

  // The relay's process, as the kernel tells it
  "relay-start": asDetailed(error("The relay did not start.", "Press Try again, or restart the kernel.")),
  "port-in-use": asDetailed(
    error(
      "The relay did not start: its port is taken.",
      "Choose another port, or none, and run the cell again.",
    ),
  ),
  "relay-runs": asDetailed(
    error("The relay did not start: another one runs already.", "Press Try again to use that one."),
  ),
  "runtime-dir": asDetailed(
    error(
      "The relay did not start: Jupyter's runtime folder cannot be used.",
      "Make it writable for you, then press Try again.",
    ),
  ),
  "disk-full": asDetailed(
    error("The relay did not start: the disk is full.", "Make some room on it, then press Try again."),
  ),
  "named-relay": asDetailed(
    error(
      "The relay that was named is not open to this call.",
      "Check its address and the token, then run the cell again.",
    ),
  ),
  tls: asDetailed(
    error(
      "The relay did not start: its certificate or key cannot be used.",
      "Give it a certificate and the key that belongs to it, both as PEM files.",
    ),
  ),
  redis: asDetailed(
    error(
      "The relay did not start: it cannot share its rooms over Redis.",
      "Install relay-widget[redis], and give all relays one address and one secret.",
    ),
  ),

  // Refusals of the relay
  "bad-token": error(
    "The relay does not accept this page's ticket.",
    "It may have been started anew. Press Try again: the kernel then gives a new one.",
  ),
  "expired-token": error(
    "This page's ticket is too old.",
    "Press Try again: the kernel then gives a new one.",
  ),
  "unsupported-protocol": asDetailed(
    error(
      "This page and the relay are of different versions.",
      "Restart the kernel and reload the page after an update of relay-widget.",
    ),
  ),
  forbidden: asDetailed(
    error(
      "The relay does not allow this.",
      "The ticket of this page is for something else. Run the cell again.",
    ),
  ),
  "bad-message": asDetailed(
    warn("The relay did not understand a message.", "Reload the page, then join again."),
  ),
  "bad-room": asDetailed(
    error("This name cannot be used for a room.", "Use 1 to 64 characters of plain text on one line.", [
      "lobby",
    ]),
  ),
  "bad-name": asDetailed(
    error("This name cannot be used.", "Use 1 to 64 characters of plain text on one line for your name.", [
      "lobby",
    ]),
  ),
  "bad-track": asDetailed(
    warn("The relay refused what you send.", "Switch camera and microphone off and on again, or join again."),
  ),
  "bad-header": asDetailed(
    warn("The relay refused a piece of what you send.", "If it happens again, leave and join again."),
  ),
  "not-joined": error("The relay has you in no room.", "Press Try again to join once more."),
  "already-joined": error("You are in a room already.", "Leave it first, then join again."),
  "unknown-track": warn(
    "The relay does not know what you send.",
    "Switch camera and microphone off and on again, or join again.",
  ),
  "out-of-order": warn(
    "Some of what you send reached the relay in a wrong order and was left out.",
    "It mends itself with the next picture. If it happens again, leave and join again.",
  ),
  "relay-full": asDetailed(
    error(
      "The relay takes nobody more now.",
      "It has as many clients as it can serve. Press Try again later, or use another relay.",
    ),
  ),
  "not-reading": warn("Your connection took nothing for too long.", "The call comes back by itself."),
  "relay-ending": error("This relay is about to end.", "Press Try again: another one may answer by then."),
  "too-many-rooms": error(
    "The relay holds as many rooms as it can.",
    "Join a room that exists, or wait until one is empty.",
    ["lobby", "retry"],
  ),
  "room-full": error("This room is full.", "Choose another room, or try again when somebody has left.", [
    "lobby",
    "retry",
  ]),
  "room-locked": error("This room is locked.", "Ask somebody in it to unlock it, then press Try again."),
  removed: error(
    "The host removed you from this room.",
    "Nothing is sent or recorded now. Join another room, or press Rejoin if it was a mistake.",
    CHANGE,
  ),
  "room-ended": error("The host ended this call for everybody.", "Nothing is sent or recorded now.", CHANGE),
  "track-muted": warn(
    "You are muted by whoever runs this room.",
    "Some or all of what you send does not reach the others until you are unmuted.",
  ),
  "too-many-tracks": warn("You send as many things as the relay allows.", "Stop one of them first."),
  "chunk-too-large": asDetailed(
    warn(
      "A piece of your recording was too large for the relay and was left out.",
      "Use a shorter timeslice, or a smaller picture.",
    ),
  ),
  "init-too-large": asDetailed(
    warn("The start of your recording was too large for the relay.", "Choose another camera, or join again."),
  ),
  "too-fast": asDetailed(
    warn("You send more than the relay takes, so some of it was left out.", "Use a smaller picture."),
  ),
  "bad-impairment": asDetailed(
    warn("The network trouble was not made.", "Use figures within the range, then try again."),
  ),
  "unknown-room": asDetailed(warn("Nobody is in this room.", "Join it first, then try again.")),
  "unknown-peer": asDetailed(warn("This person is not in the room.", "Choose somebody who is.")),
  replaced: error(
    "You have joined from another page.",
    "That page is in the call now. Press Rejoin to take the call back here.",
    REJOIN,
  ),
  internal: asDetailed(
    error("The relay made a mistake.", "Press Try again. Its log, beside the notebook, says more."),
  ),
};

/** On the join page, where there is no kernel and no cell, but somebody who sent the link. No button: it would not help. */
const GUEST_WORDS: Readonly<Record<string, Words>> = {
  "no-link": error(
    "This page needs an invitation.",
    "Open the whole link that you were sent, or scan its QR code again: the part behind the # lets you in.",
    [],
  ),
  "bad-token": error(
    "This link does not open anything here.",
    "It may be incomplete, or the relay it was made for has gone. Ask whoever invited you for a new one.",
    [],
  ),
  "expired-token": error(
    "This invitation has ended.",
    "It was good for a while only. Ask whoever invited you for a new one.",
    [],
  ),
  forbidden: asDetailed(
    error("Your invitation does not allow this.", "Ask whoever invited you for another one."),
  ),
  "relay-unreachable": error(
    "The relay of this call does not answer.",
    "It may have ended with its notebook, or your network is down. This page goes on trying; if it stays like this, ask whoever invited you.",
  ),
  "unsupported-protocol": error("The relay has been updated.", "Reload this page, then join again.", []),
  "insecure-page": warn(
    "On this page the browser gives no camera and no microphone.",
    "It does so only over https://. Ask whoever invited you for a link that begins so, or join to watch and listen.",
    ["join-without-media", "use-pattern", "dismiss"],
  ),
  "mse-missing": error(
    "This browser cannot play the others' pictures and sound.",
    "It lacks Media Source Extensions. Open the link in a current Chrome, Edge, Firefox or Safari.",
    [],
  ),
  "gesture-needed": warn("The browser wants a click for that.", "Press Share your screen again."),
  removed: error(
    "The host removed you from this room.",
    "Nothing is sent or recorded now. If it was a mistake, press Rejoin.",
    CHANGE,
  ),
  internal: asDetailed(
    error("The relay made a mistake.", "Press Try again. If it happens again, tell whoever invited you."),
  ),
};

/** What to show for an error code. `detail` is the sentence that came with it, if any; `guest`: on the join page. */
export function problemFor(code: string, detail?: string, guest = false): Problem {
  const known = wordsFor(code, guest);
  if (known === undefined) {
    return {
      code,
      title: "Something went wrong.",
      advice: detail || "Press Try again. If it happens again, reload the page.",
      level: "error",
      actions: ["retry", "dismiss"],
    };
  }
  const { preferDetail, ...words } = known;
  return { code, ...words, advice: (preferDetail && detail) || words.advice };
}

/** The same where it has ended the call: nothing can be dismissed there, and each way out is a button. What has no button
 * at all (a link that opens nothing) has none there either. */
export function endedBy(problem: Problem): Problem {
  if (problem.actions.length === 0) return problem;
  const actions = problem.actions.filter((action) => action !== "dismiss");
  if (actions.length === 0) return { ...problem, actions: AGAIN };
  return { ...problem, actions: actions.includes("lobby") ? actions : [...actions, "lobby"] };
}

function wordsFor(code: string, guest: boolean): Words | undefined {
  const table = guest && Object.hasOwn(GUEST_WORDS, code) ? GUEST_WORDS : WORDS;
  return Object.hasOwn(table, code) ? table[code] : undefined;
}

/** A few words for the place where the picture would be. */
export function emptyPictureWords(code: string): string {
  switch (code) {
    case "permission-denied":
      return "Camera is blocked";
    case "no-camera":
      return "No camera found";
    case "no-microphone":
      return "No microphone found";
    case "device-busy":
      return "Camera is in use elsewhere";
    case "insecure-page":
      return "No camera on this page";
    default:
      return "No picture";
  }
}
