// Alone in the room: how others come in.
import { Snippet } from "./copy.js";
import { InviteButton } from "./invite-sheet.js";
import { meetingIn } from "./meeting.js";
import { useView } from "./view.js";

export function EmptyPlace({ column }: { column: number }) {
  const { state } = useView();
  const connecting = state.phase.value === "connecting";
  return (
    <li class="rw-empty" style={{ gridColumn: column > 1 ? `${column} / span 2` : "span 2" }}>
      <div class="rw-empty-words">
        {connecting ? <b>Connecting…</b> : <b>Nobody else is here yet</b>}
        {!connecting && (state.invitation === null ? <Ways /> : <AtTheRightPlace />)}
      </div>
    </li>
  );
}

function Ways() {
  const { state } = useView();
  const relay = state.relay.value;
  const { where, code, needs } = meetingIn(state.room.value, relay);
  return (
    <>
      {relay.url === null && <InviteButton look="words" />}
      <span class="rw-way">{where}</span>
      <Snippet text={code} />
      {needs !== null && <span class="rw-way rw-note">{needs}</span>}
    </>
  );
}

function AtTheRightPlace() {
  return <span>You are at the right place. You see the others as soon as they come.</span>;
}
