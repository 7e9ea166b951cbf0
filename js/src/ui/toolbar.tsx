import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { HOME } from "./keep-focus.js";
import { rove } from "./rove.js";

/** Buttons in a row: one Tab stop, arrow keys between them. */
export function Toolbar({ label, children }: { label: string; children: ComponentChildren }) {
  const bar = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => (bar.current === null ? undefined : rove(bar.current)), []);
  return (
    <div ref={bar} class="rw-bar" role="toolbar" aria-label={label} {...HOME}>
      {children}
    </div>
  );
}
