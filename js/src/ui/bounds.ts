// How tall the call may be where it stands: a page, an output view or a scrolled output shows only so much at once, and
// the controls must be in that. Nothing tells an element how much its surroundings would give it, so they are asked: the
// call is made taller than any screen for a moment (nothing is painted), and what does not grow with it is a bound.

export interface Bound {
  height_px: number;
  /** The surroundings hold nothing but the call: it is as tall as they are. Otherwise that is the most it may be. */
  fills: boolean;
}

/** An element around the call, from the inside out. */
export interface Surrounding {
  /** It scrolls or cuts off what does not fit (its overflow is not "visible"). */
  clips: boolean;
  /** Its inner height while the call in it is PROBE_PX tall. */
  inner_px: number;
  /** The paddings, borders and margins between its inner edge and the call. */
  inset_px: number;
  /** It grows with what is in it, up to a limit. */
  grows: boolean;
  /** Nothing else in it is above or below the call. */
  alone: boolean;
}

/** Below this even one line and the controls have no room: the surroundings scroll. */
export const MIN_BOUND_PX = 96;
/** Taller than any screen. */
export const PROBE_PX = 100_000;

/** The bound that these surroundings set; null: none, the call is as tall as it likes. */
export function boundOf(surroundings: readonly Surrounding[]): Bound | null {
  const bounding = surroundings.filter(({ clips, inner_px }) => clips && inner_px > 0 && inner_px < PROBE_PX);
  const [nearest] = bounding;
  if (nearest === undefined) return null;
  const height_px = Math.min(...bounding.map(({ inner_px, inset_px }) => inner_px - inset_px));
  return {
    height_px: Math.max(Math.floor(height_px), MIN_BOUND_PX),
    fills: nearest.alone && !nearest.grows,
  };
}

/**
 * Tell the bound of `root` now and whenever it changes. Returns how to end that.
 * The teller decides what to make of it; `root` itself is not changed.
 */
export function watchBound(root: HTMLElement, tell: (bound: Bound | null) => void): () => void {
  let seen = "";
  let last: Bound | null = null;
  let frame = 0;
  let watched: HTMLElement[] = [];

  const look = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    if (root.offsetWidth === 0) {
      seen = ""; // not in the page, or not shown: it is looked at when it is
      return;
    }
    const { surroundings, elements } = probe(root);
    seen = signature(root);
    const around = elements.filter((_, index) => bounds(surroundings[index]));
    if (around.length !== watched.length || around.some((element, index) => element !== watched[index])) {
      resized.disconnect();
      for (const element of around) resized.observe(element);
      watched = around;
    }
    classes.disconnect();
    for (const element of elements) classes.observe(element, { attributeFilter: ["class"] });
    const bound = boundOf(surroundings);
    if (bound?.height_px === last?.height_px && bound?.fills === last?.fills) return;
    last = bound;
    tell(bound);
  };
  const soon = () => {
    if (frame === 0) frame = requestAnimationFrame(look);
  };
  /** Most changes around the call (a cell is selected, a button pressed) change nothing of this. */
  const ifAnother = () => {
    if (signature(root) !== seen) soon();
  };
  const resized = new ResizeObserver(soon);
  const classes = new MutationObserver(ifAnother);
  const itself = new ResizeObserver(ifAnother); // also when it is put elsewhere
  itself.observe(root);
  addEventListener("resize", soon);
  document.addEventListener("fullscreenchange", soon);
  look();
  return () => {
    cancelAnimationFrame(frame);
    resized.disconnect();
    classes.disconnect();
    itself.disconnect();
    removeEventListener("resize", soon);
    document.removeEventListener("fullscreenchange", soon);
  };
}

function bounds(surrounding: Surrounding | undefined): boolean {
  return surrounding !== undefined && boundOf([surrounding]) !== null;
}

function probe(root: HTMLElement): { surroundings: Surrounding[]; elements: HTMLElement[] } {
  if (root.matches(":fullscreen")) {
    const screen = { clips: true, inner_px: innerHeight, inset_px: 0, grows: false, alone: true };
    return { surroundings: [screen], elements: [] };
  }
  const elements = [...around(root)];
  const scrolled = elements.map((element) => element.scrollTop);
  const { height, maxHeight, flex } = root.style;
  Object.assign(root.style, { height: `${PROBE_PX}px`, maxHeight: "none", flex: "none" });
  const surroundings: Surrounding[] = [];
  let inset_px = 0;
  let alone = true;
  let inner: HTMLElement = root;
  for (const element of elements) {
    const style = getComputedStyle(element);
    inset_px += px(getComputedStyle(inner), "margin-top", "margin-bottom");
    inset_px += px(style, "padding-top", "padding-bottom");
    alone &&= isAlone(inner);
    surroundings.push({
      clips: style.overflowY !== "visible",
      inner_px: element.clientHeight,
      inset_px,
      grows: style.maxHeight !== "none",
      alone,
    });
    inset_px += px(style, "border-top-width", "border-bottom-width");
    inner = element;
  }
  // A frame is often made as tall as what is in it: only a page of its own is a bound.
  if (window.parent === window) {
    surroundings.push({ clips: true, inner_px: innerHeight, inset_px: 0, grows: false, alone: false });
  }
  Object.assign(root.style, { height, maxHeight, flex });
  for (const [index, element] of elements.entries()) {
    const top = scrolled[index] ?? 0;
    if (element.scrollTop !== top) element.scrollTop = top;
  }
  return { surroundings, elements };
}

/** From its parent outwards, through shadow trees, as far as the page's body. */
function* around(root: HTMLElement): Generator<HTMLElement> {
  for (let node: Node | null = outward(root); node !== null; node = outward(node)) {
    if (node === document.body) return;
    if (node instanceof HTMLElement) yield node;
  }
}

function outward(node: Node): Node | null {
  if (node instanceof Element && node.assignedSlot !== null) return node.assignedSlot;
  return node instanceof ShadowRoot ? node.host : node.parentNode;
}

function isAlone(inner: HTMLElement): boolean {
  const { top, bottom } = inner.getBoundingClientRect();
  return [...(inner.parentElement?.children ?? [])].every((sibling) => {
    if (sibling === inner) return true;
    const beside = sibling.getBoundingClientRect();
    const empty = beside.height === 0 || beside.width === 0;
    return empty || (beside.bottom > top + 1 && beside.top < bottom - 1);
  });
}

function px(style: CSSStyleDeclaration, ...names: string[]): number {
  return names.reduce((sum, name) => sum + (Number.parseFloat(style.getPropertyValue(name)) || 0), 0);
}

/** Changes when the call is put elsewhere, or something around it begins or ends to scroll. */
function signature(root: HTMLElement): string {
  const marks = [...around(root)].map((element) => {
    const { overflowY, maxHeight, display } = getComputedStyle(element);
    return `${identity(element)} ${overflowY} ${maxHeight} ${display}`;
  });
  return marks.join();
}

const identities = new WeakMap<Element, number>();
let lastIdentity = 0;

function identity(element: Element): number {
  const known = identities.get(element);
  if (known !== undefined) return known;
  lastIdentity += 1;
  identities.set(element, lastIdentity);
  return lastIdentity;
}
