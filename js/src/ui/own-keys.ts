// Keys that are pressed inside a widget stay inside it: in a notebook a single letter cuts or converts the cell.
// Two means, because hosts differ:
// - Events end at the widget's root, so hosts that listen above it hear nothing: JupyterLab 4.1 and later, marimo, VS
//   Code's webview.
// - Lumino's commands (JupyterLab to 4.0, Notebook 7, Voilà) listen on the document in the capture phase, before the
//   event arrives here. They skip an element with `data-lm-suppress-shortcuts` (@lumino/commands 1.9) and all above it.
//   They look at the target first, and Jupyter's selectors end in `:focus`, which the target matches by itself: the
//   attribute must be on the element that has the focus, not only on the root.
// The browser's own behaviour (Tab, typing, Enter and Space on buttons, copying) needs neither and goes on.

export const SUPPRESS = "data-lm-suppress-shortcuts";
const KEY_EVENTS = ["keydown", "keypress", "keyup"] as const;

type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

/** Ctrl+S and Cmd+S alone go through to the host: saving changes no cell, and without the host the browser would offer to
 * save the page as a file, which nobody in a notebook means. */
export function isForHost({ key, ctrlKey, metaKey, altKey, shiftKey }: Pressed): boolean {
  return key.toLowerCase() === "s" && ctrlKey !== metaKey && !altKey && !shiftKey;
}

/** Keep the keys that are pressed inside `root` from the page around it. Returns how to end that. */
export function keepKeys(root: HTMLElement): () => void {
  root.setAttribute(SUPPRESS, "true");
  /** Before anybody else on the page looks at the event. */
  const mark = (event: Event) => {
    const path = event.composedPath();
    if (!path.includes(root)) return;
    const forHost = isForHost(event as KeyboardEvent);
    for (const element of [path[0], root]) {
      if (!(element instanceof Element)) continue;
      if (forHost) element.removeAttribute(SUPPRESS);
      else element.setAttribute(SUPPRESS, "true");
    }
  };
  const keep = (event: Event) => {
    if (!isForHost(event as KeyboardEvent)) event.stopPropagation();
  };
  window.addEventListener("keydown", mark, true);
  for (const type of KEY_EVENTS) root.addEventListener(type, keep);
  return () => {
    window.removeEventListener("keydown", mark, true);
    for (const type of KEY_EVENTS) root.removeEventListener(type, keep);
  };
}
