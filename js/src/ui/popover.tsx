import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useView } from "./view.js";

const EDGE_PX = 8;

interface Props {
  label: string;
  place: "above" | "below";
  children: ComponentChildren;
}

/** A small panel beside the button in the same `.rw-anchor`. Escape, a click elsewhere and focus elsewhere close it. It takes
 * the focus, and gives it back to whatever had it. */
export function PopoverPanel({ label, place, children }: Props) {
  const { popover } = useView();
  const panel = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = panel.current;
    const anchor = element?.parentElement;
    if (!element || !anchor) return;
    keepInView(element);
    const before = (element.getRootNode() as Document | ShadowRoot).activeElement;
    (element.querySelector<HTMLElement>("select, button, input") ?? element).focus({ preventScroll: true });
    const elsewhere = (event: Event) => {
      if (!event.composedPath().includes(anchor)) popover.value = null;
    };
    const closeOnEscape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      popover.value = null;
      const back = before instanceof HTMLElement && before.isConnected && before !== document.body;
      (back ? before : anchor.querySelector("button"))?.focus({ preventScroll: true });
    };
    document.addEventListener("pointerdown", elsewhere, true);
    document.addEventListener("focusin", elsewhere);
    anchor.addEventListener("keydown", closeOnEscape);
    return () => {
      document.removeEventListener("pointerdown", elsewhere, true);
      document.removeEventListener("focusin", elsewhere);
      anchor.removeEventListener("keydown", closeOnEscape);
    };
  }, [popover]);
  return (
    <div ref={panel} class={`rw-popover rw-${place}`} role="dialog" aria-label={label} tabIndex={-1}>
      {children}
    </div>
  );
}

/** A view cuts off what is outside of it, so a panel beside a button at the edge moves in. */
function keepInView(panel: HTMLElement): void {
  const view = panel.closest(".rw")?.getBoundingClientRect();
  if (view === undefined) return;
  const { left, right } = panel.getBoundingClientRect();
  const out_px = Math.min(left - view.left - EDGE_PX, 0) || Math.max(right - view.right + EDGE_PX, 0);
  panel.style.marginLeft = `${-out_px}px`;
}
