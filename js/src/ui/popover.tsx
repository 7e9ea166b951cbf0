import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useView } from "./view.js";

interface Props {
  label: string;
  place: "above" | "below";
  children: ComponentChildren;
}

/** A small panel beside the button in the same `.rw-anchor`. Escape, a click elsewhere and focus elsewhere close it. */
export function PopoverPanel({ label, place, children }: Props) {
  const { popover } = useView();
  const panel = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const anchor = panel.current?.parentElement;
    const opener = anchor?.querySelector("button");
    panel.current?.querySelector<HTMLElement>("select, button, input")?.focus();
    const elsewhere = (event: Event) => {
      if (anchor && !event.composedPath().includes(anchor)) popover.value = null;
    };
    const closeOnEscape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      popover.value = null;
      opener?.focus();
    };
    document.addEventListener("pointerdown", elsewhere, true);
    document.addEventListener("focusin", elsewhere);
    anchor?.addEventListener("keydown", closeOnEscape);
    return () => {
      document.removeEventListener("pointerdown", elsewhere, true);
      document.removeEventListener("focusin", elsewhere);
      anchor?.removeEventListener("keydown", closeOnEscape);
    };
  }, [popover]);
  return (
    <div ref={panel} class={`rw-popover rw-${place}`} role="dialog" aria-label={label}>
      {children}
    </div>
  );
}
