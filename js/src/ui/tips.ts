// Tooltips that also a keyboard and a finger reach: an element with `data-tip` shows its words when it is pointed at, when it
// has the focus by the keyboard, and, if it is a button for that alone (`data-tip-press`), when it is pressed.

const POINT_MS = 450;
const MARGIN_PX = 6;
let count = 0;

/** What an element with a tooltip has. */
export function tip(words: string): { "data-tip": string } {
  return { "data-tip": words };
}

/** Show the tooltips of what is inside `root`. Returns how to end that. */
export function showTips(root: HTMLElement): () => void {
  const bubble = document.createElement("div");
  bubble.className = "rw-tip";
  bubble.id = `rw-tip-${++count}`;
  bubble.setAttribute("role", "tooltip");
  bubble.hidden = true;
  root.append(bubble);
  let owner: HTMLElement | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const hide = () => {
    clearTimeout(timer);
    if (owner?.getAttribute("aria-describedby") === bubble.id) owner.removeAttribute("aria-describedby");
    owner = null;
    bubble.hidden = true;
  };
  const show = (element: HTMLElement) => {
    hide();
    const words = element.dataset.tip ?? "";
    if (words === "") return;
    owner = element;
    bubble.textContent = words;
    if (element.getAttribute("aria-label") !== words && !element.hasAttribute("aria-describedby"))
      element.setAttribute("aria-describedby", bubble.id);
    if (bubble.parentNode !== root || bubble.nextSibling !== null) root.append(bubble);
    bubble.hidden = false;
    put(bubble, element.getBoundingClientRect(), root.getBoundingClientRect());
  };

  const focusin = ({ target }: Event) => {
    const element = tipped(target);
    if (element !== null && (target as Element).matches(":focus-visible")) show(element);
    else hide();
  };
  const pointerover = ({ target, pointerType }: PointerEvent) => {
    const element = tipped(target);
    if (pointerType === "touch" || element === owner) return;
    hide();
    if (element !== null) timer = setTimeout(() => show(element), POINT_MS);
  };
  const click = ({ target }: Event) => {
    const element = tipped(target);
    if (element?.dataset.tipPress === undefined) hide();
    else show(element);
  };
  const keydown = ({ key }: KeyboardEvent) => {
    if (key === "Escape") hide();
  };
  /** What it says may change while it is read: "Microphone is off" becomes "is on". */
  const changed = new MutationObserver(() => {
    if (owner === null) return;
    if (!root.contains(owner)) hide();
    else if (owner.dataset.tip !== bubble.textContent) show(owner);
  });
  changed.observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-tip"] });
  const heard = [
    ["focusin", focusin],
    ["focusout", hide],
    ["pointerover", pointerover],
    ["pointerleave", hide],
    ["fullscreenchange", hide], // everything is elsewhere then
    ["click", click],
    ["keydown", keydown],
  ] as const;
  for (const [type, handler] of heard) root.addEventListener(type, handler as EventListener);
  return () => {
    hide();
    changed.disconnect();
    for (const [type, handler] of heard) root.removeEventListener(type, handler as EventListener);
    bubble.remove();
  };
}

function tipped(target: EventTarget | null): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>("[data-tip]") : null;
}

/** Above the element if there is room, else below it; never out of the view, which cuts off what is. */
function put(bubble: HTMLElement, element: DOMRect, root: DOMRect): void {
  bubble.style.maxWidth = `${Math.min(280, root.width - 2 * MARGIN_PX)}px`;
  const { offsetWidth: width, offsetHeight: height } = bubble;
  const middle = element.left + element.width / 2 - root.left - width / 2;
  const left = Math.max(MARGIN_PX, Math.min(middle, root.width - width - MARGIN_PX));
  const above = element.top - root.top - height - MARGIN_PX;
  const below = element.bottom - root.top + MARGIN_PX;
  bubble.style.left = `${Math.round(left)}px`;
  bubble.style.top = `${Math.round(above >= 0 ? above : below)}px`;
}
