// The face of the UI: one view of a call inside an element of the page.
import { effect } from "@preact/signals";
import { type ComponentChildren, render } from "preact";
import { watchBound } from "./bounds.js";
import { hearKeys } from "./call-keys.js";
import { Call } from "./call-view.js";
import { keepFocus } from "./keep-focus.js";
import { keepKeys } from "./own-keys.js";
import type { CallActions, CallState } from "./state.js";
import { showTips } from "./tips.js";
import { createView, type View, ViewContext } from "./view.js";

export type {
  CallActions,
  CallState,
  Device,
  KernelPresence,
  MutedByHost,
  Phase,
  Problem,
  Source,
  Tile,
} from "./state.js";
export { problemFor } from "./words.js";

export interface MountOptions {
  /** Show only copies of the others' pictures: the playing elements stay with another view. */
  mirror?: boolean;
  /** What is shown, if not the call's own screens; and what it is. */
  content?: ComponentChildren;
  label?: string;
}

/** Show the call inside `el`. Several views may show one state. Returns how to take this one away. */
export function mountCall(
  el: HTMLElement,
  state: CallState,
  actions: CallActions,
  options: MountOptions = {},
): () => void {
  const root = document.createElement("div");
  const view = createView(root, state, actions, options.mirror ?? false);
  root.className = options.content === undefined ? "rw rw-call" : "rw";
  root.tabIndex = -1; // a click between the buttons brings the keys here, too
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", options.label ?? "Call");
  const undo = [hearKeys(root, view), keepKeys(root), keepFocus(root)];
  // For tests and for the look of a phase.
  const stopPhase = effect(() => {
    root.dataset.phase = state.phase.value;
  });
  el.append(root);
  view.width_px.value = root.offsetWidth;
  const resized = new ResizeObserver(() => {
    if (root.offsetWidth > 0) view.width_px.value = root.offsetWidth;
  });
  resized.observe(root);
  // Own contents have their own height.
  const stopBound = options.content === undefined ? keepWithin(root, view) : () => undefined;
  render(<ViewContext.Provider value={view}>{options.content ?? <Call />}</ViewContext.Provider>, root);
  undo.push(showTips(root));
  return () => {
    resized.disconnect();
    stopBound();
    stopPhase();
    for (const end of undo) end();
    render(null, root);
    view.close();
    root.remove();
  };
}

/** Above and below the lobby's picture, with the call's border. */
const LOBBY_PADDING_PX = 30;

/** What the call stands in shows only so much at once: it is no taller than that, and as tall where it is the only thing
 * there, or would be taller by itself. Returns how to end that. */
function keepWithin(root: HTMLElement, view: View): () => void {
  const stopWatching = watchBound(root, (bound) => {
    view.bound.value = bound;
  });
  const stopFitting = effect(() => {
    const bound = view.bound.value;
    const height = bound === null ? "" : `${bound.height_px}px`;
    root.style.height = bound?.fills || view.frame.value !== "roomy" ? height : "";
    root.style.maxHeight = height;
    const preview = bound === null ? null : `${bound.height_px - LOBBY_PADDING_PX}px`;
    root.style.setProperty("--rw-preview-most", preview);
  });
  return () => {
    stopWatching();
    stopFitting();
  };
}
