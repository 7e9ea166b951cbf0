// How a call stands, and what follows from what happens: the table that `call.ts` runs. The phase that people and Python
// see is part of it.
import { ignoring, type Table } from "./machine.js";
import type { Phase } from "./ui/state.js";

export type CallStateName =
  /** No view shows this call, and nobody has asked it to join. */
  | "unseen"
  /** Python has asked it to join: it will as soon as a view shows it. A call that nobody sees must not open a camera. */
  | "awaited"
  /** In the lobby. */
  | "idle"
  /** In the lobby, with the devices open. */
  | "preview"
  /** On the way in: the devices are being opened. */
  | "capturing"
  /** On the way in: the session is at it. */
  | "connecting"
  | "joined"
  /** The connection is lost; the session is at it. */
  | "reconnecting"
  /** The user has left. */
  | "left"
  /** It could not go on. */
  | "failed"
  /** The widget is no more. */
  | "closed";

export type CallEvent =
  // views
  | "seen"
  | "unseen"
  | "close"
  // wishes, of the user or of Python
  | "preview"
  | "join"
  | "leave"
  | "to-lobby"
  | "move"
  // the devices
  | "captured"
  | "uncaptured"
  // the session
  | "entered"
  | "lost"
  | "stale"
  | "refused"
  // the kernel
  | "no-relay"
  | "door-closed";

export type CallAction =
  /** Join, if the call is to do so by itself. */
  | "auto-join"
  /** Open the devices for the lobby. */
  | "show-devices"
  /** Forget old troubles, and open the devices that are wanted. */
  | "capture"
  /** Nothing is captured any more. */
  | "drop-devices"
  /** Have the session enter the room. */
  | "enter"
  /** In the room: send, and measure. */
  | "begin"
  /** Send nothing for now. */
  | "pause"
  /** Ask the kernel for another ticket. */
  | "ask-ticket"
  /** Out of the room, devices off. */
  | "end"
  /** Forget why it ended. */
  | "forget";

export const CALL: Table<CallStateName, CallEvent, CallAction> = {
  unseen: {
    seen: ["idle", "auto-join"],
    join: ["awaited"],
    "door-closed": ["failed"],
    close: ["closed"],
    ...ignoring("unseen", "preview", "leave", "to-lobby", "move", "captured", "uncaptured"),
    ...ignoring("entered", "lost", "stale", "refused", "no-relay"),
  },
  awaited: {
    seen: ["capturing", "capture"],
    leave: ["unseen"],
    "door-closed": ["failed"],
    close: ["closed"],
    ...ignoring("unseen", "preview", "join", "to-lobby", "move", "captured", "uncaptured"),
    ...ignoring("entered", "lost", "stale", "refused", "no-relay"),
  },
  idle: {
    unseen: ["unseen"],
    preview: ["preview", "show-devices"],
    join: ["capturing", "capture"],
    "door-closed": ["failed", "end", "ask-ticket"],
    close: ["closed"],
    ...ignoring("seen", "leave", "to-lobby", "move", "captured", "uncaptured"),
    ...ignoring("entered", "lost", "stale", "refused", "no-relay"),
  },
  preview: {
    unseen: ["unseen", "end"],
    preview: ["preview", "show-devices"],
    uncaptured: ["idle", "drop-devices"],
    join: ["capturing", "capture"],
    "door-closed": ["failed", "end", "ask-ticket"],
    close: ["closed", "end"],
    ...ignoring("seen", "leave", "to-lobby", "move", "captured"),
    ...ignoring("entered", "lost", "stale", "refused", "no-relay"),
  },
  capturing: {
    unseen: ["unseen", "end", "ask-ticket"],
    captured: ["connecting", "enter"],
    // The lobby says why, and what can be done.
    uncaptured: ["idle", "drop-devices"],
    leave: ["left", "end", "ask-ticket"],
    "no-relay": ["failed", "end", "ask-ticket"],
    close: ["closed", "end"],
    ...ignoring("seen", "preview", "join", "to-lobby", "move"),
    ...ignoring("entered", "lost", "stale", "refused", "door-closed"),
  },
  connecting: {
    unseen: ["unseen", "end", "ask-ticket"],
    leave: ["left", "end", "ask-ticket"],
    move: ["connecting", "enter"],
    entered: ["joined", "begin"],
    stale: ["connecting", "enter", "ask-ticket"],
    refused: ["failed", "end", "ask-ticket"],
    "no-relay": ["failed", "end", "ask-ticket"],
    close: ["closed", "end"],
    ...ignoring("seen", "preview", "join", "to-lobby", "captured", "uncaptured"),
    ...ignoring("lost", "door-closed"),
  },
  joined: {
    unseen: ["unseen", "end", "ask-ticket"],
    leave: ["left", "end", "ask-ticket"],
    move: ["joined", "enter"],
    entered: ["joined", "begin"],
    lost: ["reconnecting", "pause"],
    stale: ["connecting", "pause", "enter", "ask-ticket"],
    refused: ["failed", "end", "ask-ticket"],
    close: ["closed", "end"],
    // The relay ends a call itself whose door is closed, and a page that it serves needs no kernel.
    ...ignoring("seen", "preview", "join", "to-lobby", "captured", "uncaptured"),
    ...ignoring("no-relay", "door-closed"),
  },
  reconnecting: {
    unseen: ["unseen", "end", "ask-ticket"],
    leave: ["left", "end", "ask-ticket"],
    move: ["reconnecting", "enter"],
    entered: ["joined", "begin"],
    stale: ["connecting", "enter", "ask-ticket"],
    refused: ["failed", "end", "ask-ticket"],
    close: ["closed", "end"],
    ...ignoring("seen", "preview", "join", "to-lobby", "captured", "uncaptured"),
    ...ignoring("lost", "no-relay", "door-closed"),
  },
  left: {
    unseen: ["unseen"],
    join: ["capturing", "capture"],
    "to-lobby": ["idle", "forget"],
    "door-closed": ["failed"],
    close: ["closed"],
    ...ignoring("seen", "preview", "leave", "move", "captured", "uncaptured"),
    ...ignoring("entered", "lost", "stale", "refused", "no-relay"),
  },
  failed: {
    unseen: ["unseen", "forget"],
    join: ["capturing", "capture"],
    "to-lobby": ["idle", "forget"],
    close: ["closed"],
    ...ignoring("seen", "preview", "leave", "move", "captured", "uncaptured"),
    ...ignoring("entered", "lost", "stale", "refused", "no-relay", "door-closed"),
  },
  closed: {
    ...ignoring("seen", "unseen", "close", "preview", "join", "leave", "to-lobby", "move"),
    ...ignoring("captured", "uncaptured", "entered", "lost", "stale", "refused", "no-relay", "door-closed"),
  },
};

export function phaseOf(state: CallStateName): Phase {
  switch (state) {
    case "unseen":
    case "awaited":
    case "idle":
    case "preview":
    case "closed":
      return "idle";
    case "capturing":
      return "connecting";
    default:
      return state;
  }
}
