// The face of the UI: one view of a call inside an element of the page.
import { effect } from "@preact/signals";
import { type ComponentChildren, render } from "preact";
import { hearKeys } from "./call-keys.js";
import { Call } from "./call-view.js";
import { keepFocus } from "./keep-focus.js";
import { keepKeys } from "./own-keys.js";
import type { CallActions, CallState } from "./state.js";
import { showTips } from "./tips.js";
import { createView, ViewContext } from "./view.js";

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
  root.className = "rw";
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
  render(<ViewContext.Provider value={view}>{options.content ?? <Call />}</ViewContext.Provider>, root);
  undo.push(showTips(root));
  return () => {
    resized.disconnect();
    stopPhase();
    for (const end of undo) end();
    render(null, root);
    view.close();
    root.remove();
  };
}
