// The focus stays in a view when the element that has it goes: a screen that another follows, a banner that is closed. A
// browser would give it to the page's body, where Tab begins anew and every key is the notebook's.

/** Marks where the focus belongs when its element has gone: this element, or the first one inside it that takes it. */
export const HOME = { "data-focus-home": "" } as const;

const TAKES_FOCUS = ["button", "input", "select", "textarea"]
  .map((name) => `${name}:not(:disabled)`)
  .join(", ");

/** Keep the focus in `root`. It is taken from nobody: only a focus that was inside and fell to the page is put back. */
export function keepFocus(root: HTMLElement): () => void {
  let last: Element | null = null;
  const focusin = ({ target }: FocusEvent) => {
    last = target instanceof Element ? target : null;
  };
  /** To something else. An element that goes gives its focus to nothing. */
  const focusout = ({ relatedTarget }: FocusEvent) => {
    if (relatedTarget !== null && !isInside(root, relatedTarget)) last = null;
  };
  /** A person who clicks elsewhere means it, also where nothing takes the focus. */
  const pointerdown = (event: Event) => {
    if (!event.composedPath().includes(root)) last = null;
  };
  const look = () => {
    if (last === null || (root.contains(last) && !last.matches(":disabled"))) return;
    last = null;
    if (isNowhere(document.activeElement)) home(root).focus({ preventScroll: true });
  };
  const changed = new MutationObserver(look);
  changed.observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] });
  root.addEventListener("focusin", focusin);
  root.addEventListener("focusout", focusout);
  document.addEventListener("pointerdown", pointerdown, true);
  return () => {
    changed.disconnect();
    root.removeEventListener("focusin", focusin);
    root.removeEventListener("focusout", focusout);
    document.removeEventListener("pointerdown", pointerdown, true);
  };
}

/** Where the focus belongs now; if nothing takes it, the view itself. */
function home(root: HTMLElement): HTMLElement {
  for (const place of root.querySelectorAll<HTMLElement>("[data-focus-home]")) {
    const first =
      place.querySelector<HTMLElement>('button[tabindex="0"]') ??
      (place.matches(TAKES_FOCUS) ? place : place.querySelector<HTMLElement>(TAKES_FOCUS));
    if (first !== null) return first;
  }
  const first = root.querySelector<HTMLElement>(TAKES_FOCUS);
  if (first !== null) return first;
  root.tabIndex = -1;
  return root;
}

function isInside(root: HTMLElement, other: EventTarget): boolean {
  return other instanceof Node && root.contains(other);
}

function isNowhere(active: Element | null): boolean {
  return active === null || active === document.body || active === document.documentElement;
}
