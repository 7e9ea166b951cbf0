// On the join page: what the link allows, in words.
import { rightsSentence, untilWords } from "./phrases.js";
import type { Invitation } from "./state.js";
import { useView } from "./view.js";

/** Who has a link may do less than who has the notebook. */
export function useMaySend(): boolean {
  return useView().state.invitation?.publish ?? true;
}

export function Invited({ invitation }: { invitation: Invitation }) {
  const { state } = useView();
  return (
    <div class="rw-invited">
      <h1>{invitation.room === null ? "Join a call" : `Join “${state.room.value}”`}</h1>
      <p>{rightsSentence(invitation)}</p>
      {invitation.expires_ms !== null && (
        <p>Your invitation is good until {untilWords(invitation.expires_ms)}.</p>
      )}
    </div>
  );
}
