// One Tab stop for a group of buttons, and arrow keys between them (WAI-ARIA: roving tabindex).

const NEXT: Readonly<Record<string, (index: number, count: number) => number>> = {
  ArrowRight: (index, count) => (index + 1) % count,
  ArrowDown: (index, count) => (index + 1) % count,
  ArrowLeft: (index, count) => (index - 1 + count) % count,
  ArrowUp: (index, count) => (index - 1 + count) % count,
  Home: () => 0,
  End: (_, count) => count - 1,
};

/** Let arrow keys, Home and End move between the buttons of `group`, those in its popovers left out. Returns how to end that. */
export function rove(group: HTMLElement): () => void {
  const buttons = () =>
    [...group.querySelectorAll<HTMLButtonElement>("button:not(:disabled)")].filter(
      (button) => button.closest("[role=dialog]") === null,
    );
  let stop: HTMLElement | null = null;
  const settle = () => {
    const all = buttons();
    if (stop === null || !all.includes(stop as HTMLButtonElement)) stop = all[0] ?? null;
    for (const button of all) button.tabIndex = button === stop ? 0 : -1;
  };
  const focusin = ({ target }: FocusEvent) => {
    if (!buttons().includes(target as HTMLButtonElement)) return;
    stop = target as HTMLElement;
    settle();
  };
  const keydown = (event: KeyboardEvent) => {
    const next = NEXT[event.key];
    const all = buttons();
    const index = all.indexOf(event.target as HTMLButtonElement);
    if (next === undefined || index < 0 || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey)
      return;
    event.preventDefault();
    all[next(index, all.length)]?.focus();
  };
  settle();
  const changed = new MutationObserver(settle);
  changed.observe(group, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] });
  group.addEventListener("focusin", focusin);
  group.addEventListener("keydown", keydown);
  return () => {
    changed.disconnect();
    group.removeEventListener("focusin", focusin);
    group.removeEventListener("keydown", keydown);
  };
}
