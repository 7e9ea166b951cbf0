// Alone in the room: how others come in.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Icon } from "./icons.js";
import { useView } from "./view.js";

const COPIED_SHOWN_MS = 2000;

export function EmptyPlace({ column }: { column: number }) {
  const { state } = useView();
  const connecting = state.phase.value === "connecting";
  return (
    <li class="rw-empty" style={{ gridColumn: column > 1 ? `${column} / span 2` : "span 2" }}>
      {connecting ? (
        <b>Connecting…</b>
      ) : (
        <>
          <b>Nobody else is here yet</b>
          {state.invitation === null ? (
            <>
              <span>In another notebook:</span>
              <Snippet text={`Call(room=${JSON.stringify(state.room.value)})`} />
            </>
          ) : (
            <span>You are at the right place. You see the others as soon as they come.</span>
          )}
        </>
      )}
    </li>
  );
}

function Snippet({ text }: { text: string }) {
  const copied = useSignal(false);
  const code = useRef<HTMLElement>(null);
  const copy = async () => {
    copied.value = await copyText(text, code.current);
    if (copied.value) setTimeout(() => (copied.value = false), COPIED_SHOWN_MS);
  };
  const label = copied.value ? "Copied" : "Copy";
  return (
    <span class="rw-snippet">
      <code ref={code}>{text}</code>
      <button
        type="button"
        class="rw-button rw-copy"
        aria-label={label}
        title={label}
        onClick={() => void copy()}
      >
        <Icon name={copied.value ? "check" : "copy"} />
      </button>
    </span>
  );
}

/** Where the clipboard is out of reach (an insecure page), the text is selected: the user presses Ctrl+C. */
async function copyText(text: string, shown: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (shown !== null) getSelection()?.selectAllChildren(shown);
    return false;
  }
}
