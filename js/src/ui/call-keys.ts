// The keys of a call, heard while the focus is in it.
import { effect } from "@preact/signals";
import { type Command, commandOf, keyOf, takesText } from "./keys.js";
import { PushToTalk } from "./push-to-talk.js";
import type { View } from "./view.js";

/** Hear keys inside `root`. Returns how to end that. */
export function hearKeys(root: HTMLElement, view: View): () => void {
  const { state, actions, popover } = view;
  const maySend = state.invitation?.publish ?? true;
  const inCall = () => ["connecting", "joined", "reconnecting"].includes(state.phase.peek());
  const talk = new PushToTalk(actions.setMicrophone, (talking) => {
    view.talking.value = talking;
  });

  const doesNow = (command: Command): boolean => {
    const { sends, inLobby } = keyOf(command);
    return (maySend || !sends) && (inCall() || (inLobby && state.phase.peek() === "idle"));
  };

  const perform = (command: Command, event: KeyboardEvent) => {
    switch (command) {
      case "microphone":
        view.toggle("microphone");
        break;
      case "camera":
        view.toggle("camera");
        break;
      case "talk":
        pressSpace(event);
        return;
      case "full-screen":
        view.fullScreen.toggle(tileOf(event.target));
        break;
      case "list":
        popover.value = popover.peek() === "keys" ? null : "keys";
        break;
    }
    event.preventDefault();
  };

  /** Space presses buttons, scrolls pages, and talks. */
  const pressSpace = (event: KeyboardEvent) => {
    if (state.microphone.peek()) return;
    if (state.mutedByHost.peek().audio) {
      if (!isPressable(event.target)) view.toggle("microphone"); // says why nothing is heard
      return;
    }
    if (isPressable(event.target)) talk.send("pressed");
    else {
      talk.send("held");
      event.preventDefault();
    }
  };

  const keydown = (event: KeyboardEvent) => {
    const { target } = event;
    if (event.defaultPrevented || !(target instanceof Element) || takesText(target)) return;
    if (event.key === " " && event.repeat) {
      if (talk.state === "talking" && !isPressable(target)) event.preventDefault(); // the page would scroll
      return;
    }
    const command = commandOf(event);
    if (command !== null && doesNow(command)) perform(command, event);
  };
  const keyup = (event: KeyboardEvent) => {
    if (event.key !== " ") return;
    if (talk.state === "talking") event.preventDefault(); // it was no press of the button
    talk.send("released");
  };
  const release = () => talk.send("released");
  const focusout = (event: FocusEvent) => {
    if (!(event.relatedTarget instanceof Node && root.contains(event.relatedTarget))) release();
  };
  const hidden = () => {
    if (document.hidden) release();
  };

  root.addEventListener("keydown", keydown);
  root.addEventListener("keyup", keyup);
  root.addEventListener("focusout", focusout);
  window.addEventListener("blur", release);
  window.addEventListener("pagehide", release);
  document.addEventListener("visibilitychange", hidden);
  const stop = effect(() => {
    void state.phase.value;
    if (!inCall() || state.mutedByHost.value.audio) release();
    else if (!state.microphone.value) talk.send("taken");
  });
  return () => {
    release();
    stop();
    root.removeEventListener("keydown", keydown);
    root.removeEventListener("keyup", keyup);
    root.removeEventListener("focusout", focusout);
    window.removeEventListener("blur", release);
    window.removeEventListener("pagehide", release);
    document.removeEventListener("visibilitychange", hidden);
  };
}

function isPressable(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("button, summary, a, [role=button]") !== null;
}

/** The tile that has the focus; null: none has. */
function tileOf(target: EventTarget | null): string | null {
  const tile = target instanceof Element ? target.closest<HTMLElement>("[data-tile]") : null;
  return tile?.dataset.tile ?? null;
}
