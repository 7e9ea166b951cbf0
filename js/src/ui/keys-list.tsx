// The keys of the call, as a list.
import { useMaySend } from "./invited.js";
import { KEYS } from "./keys.js";
import { PopoverPanel } from "./popover.js";
import { tip } from "./tips.js";
import { useView } from "./view.js";

/** A button of the head that shows them; "?" does so, too. */
export function KeysButton() {
  const { popover } = useView();
  const open = popover.value === "keys";
  return (
    <div class="rw-anchor rw-keys-anchor">
      <button
        type="button"
        class="rw-chip rw-chip-button rw-keys-button"
        aria-label="Keys"
        aria-keyshortcuts="?"
        aria-expanded={open}
        aria-haspopup="dialog"
        onClick={() => {
          popover.value = open ? null : "keys";
        }}
        {...tip("Keys (?)")}
      >
        ?
      </button>
      {open && (
        <PopoverPanel label="Keys" place="below">
          <KeysList />
        </PopoverPanel>
      )}
    </div>
  );
}

function KeysList() {
  const { fullScreen } = useView();
  const maySend = useMaySend();
  const useful = KEYS.filter(
    ({ sends, command }) => (maySend || !sends) && (command !== "full-screen" || fullScreen.possible),
  );
  return (
    <>
      <b>Keys</b>
      <dl class="rw-keys">
        {useful.map(({ shown, does }) => (
          <div key={shown}>
            <dt>
              <kbd>{shown}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p class="rw-note">They work while the focus is in the call. Click it, or press Tab.</p>
    </>
  );
}
