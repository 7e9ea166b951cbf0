// Text to be taken along: into the clipboard, or, where that is out of reach, selected for Ctrl+C.
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Icon } from "./icons.js";
import { tip } from "./tips.js";

const COPIED_SHOWN_MS = 2000;

/** A line of code with a button that copies it. */
export function Snippet({ text }: { text: string }) {
  const code = useRef<HTMLElement>(null);
  const { copied, copy } = useCopy(text, () => code.current);
  const label = copied ? "Copied" : "Copy";
  return (
    <span class="rw-snippet">
      <code ref={code}>{text}</code>
      <button type="button" class="rw-button rw-copy" aria-label={label} {...tip(label)} onClick={copy}>
        <Icon name={copied ? "check" : "copy"} />
      </button>
    </span>
  );
}

/** Copies a text that is not shown whole. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const whole = useRef<HTMLInputElement>(null);
  const { copied, copy, refused } = useCopy(text, () => whole.current);
  return (
    <>
      <button type="button" class="rw-button rw-copy-whole" onClick={copy}>
        <Icon name={copied ? "check" : "copy"} />
        <span aria-live="polite">{copied ? "Copied" : label}</span>
      </button>
      {refused && (
        <input ref={whole} class="rw-input" readOnly value={text} aria-label={`${label}: press Ctrl+C`} />
      )}
    </>
  );
}

function useCopy(text: string, shown: () => HTMLElement | null) {
  const copied = useSignal(false);
  const refused = useSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      copied.value = true;
      setTimeout(() => (copied.value = false), COPIED_SHOWN_MS);
    } catch {
      // The clipboard is out of reach (an insecure page): the user presses Ctrl+C.
      refused.value = true;
      setTimeout(() => select(shown()));
    }
  };
  return { copied: copied.value, refused: refused.value, copy: () => void copy() };
}

function select(shown: HTMLElement | null): void {
  if (shown instanceof HTMLInputElement) shown.select();
  else if (shown !== null) getSelection()?.selectAllChildren(shown);
}
