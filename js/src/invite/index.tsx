// The card that a cell shows for an invite link. The link itself comes in a message, never in a trait: notebooks are saved
// with their traits.
import type { AnyModel } from "@anywidget/types";
import { type ComponentChild, render } from "preact";
import { kept } from "../still/kept.js";
import type { StillTraits } from "../still/words.js";
import { MAX_TIMER_MS } from "../time.js";
import { keepKeys } from "../ui/own-keys.js";
import type { Invite } from "../ui/state.js";
import { Voice } from "../voice.js";
import { InviteCard } from "./card.js";
import "../ui/style.css";

/** What Python tells a card that asks. */
type Answer = { kind: "invite" } & Invite;

/** A kernel that has not answered by then has been restarted, or there is none. */
const PATIENCE_MS = 5000;

function showInvite(model: AnyModel<StillTraits>, el: HTMLElement): () => void {
  const root = document.createElement("div");
  root.className = "rw rw-invite";
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "Invite link");
  const releaseKeys = keepKeys(root);
  el.append(root);
  const show = (content: ComponentChild) => render(content, root);
  let expiry: ReturnType<typeof setTimeout> | undefined;
  const patience = setTimeout(
    () => show(<p>An invite link is not kept in the notebook: run the cell again for a new one.</p>),
    PATIENCE_MS,
  );
  const heard = (answer: Answer) => {
    if (answer.kind !== "invite") return;
    clearTimeout(patience);
    clearTimeout(expiry);
    const left_ms = answer.expires_ms - Date.now();
    const ended = () =>
      show(<p>This invitation to “{answer.room}” has ended: run the cell again for a new one.</p>);
    if (left_ms <= 0) {
      ended();
      return;
    }
    if (left_ms < MAX_TIMER_MS) expiry = setTimeout(ended, left_ms);
    show(<InviteCard invite={answer} />);
  };
  model.on("msg:custom", heard);
  const voice = new Voice(model);
  voice.say({ kind: "hello" });
  return () => {
    releaseKeys();
    voice.close();
    model.off("msg:custom", heard);
    clearTimeout(patience);
    clearTimeout(expiry);
    show(null);
    root.remove();
  };
}

export default kept((model: AnyModel<StillTraits>) => ({
  show: (el) => showInvite(model, el),
  close: () => undefined,
}));
