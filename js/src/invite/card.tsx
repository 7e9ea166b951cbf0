// The card of an invite link: its QR code, what the link allows, until when, and how to copy it. A cell shows it for
// `call.invite_link()`, and the call itself when somebody presses Invite.
import type { ComponentChildren } from "preact";
import { CopyButton } from "../ui/copy.js";
import { guestSentence, untilWords } from "../ui/phrases.js";
import type { Invite } from "../ui/state.js";
import "./invite.css";

export function InviteCard({ invite, children }: { invite: Invite; children?: ComponentChildren }) {
  const guest = invite.name === null ? "" : ` for ${invite.name}`;
  return (
    <div class="rw-card">
      <img class="rw-qr" src={invite.qr} alt="QR code of the invite link" />
      <div class="rw-card-words">
        <b>
          Invitation to “{invite.room}”{guest}
        </b>
        <p>{guestSentence(invite)}</p>
        <p>Scan the code, or send the link. It is good until {untilWords(invite.expires_ms)}.</p>
        <Link link={invite.link} />
        {children}
        {invite.warning !== null && <p class="rw-card-warning">{invite.warning}</p>}
        <p class="rw-note">Anybody who has the link can come in. It is not saved with the notebook.</p>
      </div>
    </div>
  );
}

/** The address without the part that lets people in, and a button that copies the whole. */
function Link({ link }: { link: string }) {
  return (
    <div class="rw-link">
      <CopyButton text={link} label="Copy link" />
      <code>{link.replace(/#.*/, "#…")}</code>
    </div>
  );
}
