// The card that a cell shows for an invite link: the QR code, what the link allows, and how to copy it. What is secret of
// it comes in a message and is in no trait: notebooks are saved with their traits.
import type { AnyModel } from "@anywidget/types";
import { kept } from "../still/kept.js";
import type { StillTraits } from "../still/words.js";
import { MAX_TIMER_MS } from "../time.js";
import { keepKeys } from "../ui/own-keys.js";
import { guestSentence, untilWords } from "../ui/phrases.js";
import { Voice } from "../voice.js";
import "../ui/style.css";
import "./invite.css";

/** What Python tells a card that asks. */
interface Invite {
  kind: "invite";
  link: string;
  /** The QR code, as a data: address of an SVG. */
  qr: string;
  room: string;
  name: string | null;
  publish: boolean;
  subscribe: boolean;
  expires_ms: number;
  warning: string | null;
}

/** A kernel that has not answered by then has been restarted, or there is none. */
const PATIENCE_MS = 5000;
const COPIED_SHOWN_MS = 2000;

function show(model: AnyModel<StillTraits>, el: HTMLElement): () => void {
  const root = element("div", "rw rw-invite");
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", "Invite link");
  const releaseKeys = keepKeys(root);
  el.append(root);
  const say = (...words: string[]) => root.replaceChildren(...words.map((text) => element("p", "", text)));
  let expiry: ReturnType<typeof setTimeout> | undefined;
  const patience = setTimeout(
    () => say("An invite link is not kept in the notebook: run the cell again for a new one."),
    PATIENCE_MS,
  );
  const heard = (message: Invite) => {
    if (message.kind !== "invite") return;
    clearTimeout(patience);
    clearTimeout(expiry);
    const left_ms = message.expires_ms - Date.now();
    const ended = () =>
      say(`This invitation to “${message.room}” has ended: run the cell again for a new one.`);
    if (left_ms <= 0) {
      ended();
      return;
    }
    if (left_ms < MAX_TIMER_MS) expiry = setTimeout(ended, left_ms);
    root.replaceChildren(qrCode(message), words(message));
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
    root.remove();
  };
}

function qrCode({ qr }: Invite): HTMLElement {
  const image = document.createElement("img");
  image.src = qr;
  image.alt = "QR code of the invite link";
  return image;
}

function words(invite: Invite): HTMLElement {
  const box = element("div", "rw-invite-words");
  const guest = invite.name === null ? "" : ` for ${invite.name}`;
  box.append(
    element("b", "", `Invitation to “${invite.room}”${guest}`),
    element("p", "", guestSentence(invite)),
    element("p", "", `Scan the code, or send the link. It is good until ${untilWords(invite.expires_ms)}.`),
  );
  if (invite.warning !== null) box.append(element("p", "rw-invite-warning", invite.warning));
  box.append(
    copyRow(invite.link),
    element("p", "rw-note", "Whoever has the link can come in. It is not saved with the notebook."),
  );
  return box;
}

/** The address without what lets people in, and a button for the whole. */
function copyRow(link: string): HTMLElement {
  const row = element("div", "rw-invite-copy");
  const button = element("button", "rw-button", "Copy link") as HTMLButtonElement;
  button.type = "button";
  const shown = element("code", "", link.replace(/#.*/, "#…"));
  button.addEventListener("click", () => void copy());
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy link"), COPIED_SHOWN_MS);
    } catch {
      // The clipboard is out of reach (an insecure page): the user presses Ctrl+C.
      shown.textContent = link;
      getSelection()?.selectAllChildren(shown);
    }
  };
  row.append(button, shown);
  return row;
}

function element(name: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

export default kept((model: AnyModel<StillTraits>) => ({
  show: (el) => show(model, el),
  close: () => undefined,
}));
