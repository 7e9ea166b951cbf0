// A view is open while a page shows it. JupyterLab may render a view into an output that has just been removed
// (a cell that is run right after a reload), and never tells that view that it has gone.

/** When a new view is looked at. Hosts attach it within a few ms; later ones are seen once they get a size. */
const LOOKS_MS = [0, 100, 1000];

/**
 * Tell when a view is first attached to the page.
 *
 * @param el The view's element.
 * @param opened Called once, when `el` is in the document.
 * @param closed Called by the returned function if `opened` was called.
 * @returns Ends the view.
 */
export function whenAttached(el: HTMLElement, opened: () => void, closed: () => void): () => void {
  let open = false;
  const look = () => {
    if (open || !el.isConnected) return;
    open = true;
    stop();
    opened();
  };
  const timers = LOOKS_MS.map((after_ms) => setTimeout(look, after_ms));
  const resized = new ResizeObserver(look);
  const stop = () => {
    for (const timer of timers) clearTimeout(timer);
    resized.disconnect();
  };
  resized.observe(el);
  look();
  return () => {
    stop();
    if (open) closed();
  };
}
