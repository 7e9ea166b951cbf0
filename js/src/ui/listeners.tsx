// Who receives in the room without being a participant: the red chip in the head, and the badge on a watched tile.
import { useComputed } from "@preact/signals";
import { Icon } from "./icons.js";
import { recordedWords, watchedWords } from "./phrases.js";
import { useView } from "./view.js";

/** Red, for everybody: the call is recorded, and by whom. */
export function RecordedChip() {
  const { state } = useView();
  const words = useComputed(() => recordedWords(state.listeners.value)).value;
  if (words === "") return null;
  return (
    <span class="rw-chip rw-recorded">
      <span class="rw-dot" />
      <span>{words}</span>
    </span>
  );
}

/** On the tile of a peer whose pictures a program gets; without an id, on one's own. */
export function WatchedBadge({ peer }: { peer?: string }) {
  const { state } = useView();
  const words = useComputed(() => watchedWords(state.listeners.value, peer ?? state.ownId.value)).value;
  if (words === "") return null;
  return (
    <span class="rw-watched">
      <Icon name="eye" />
      <span>{words}</span>
    </span>
  );
}
