// A part of ui-browser.page.ts: the call in whatever bounds its height, with its own stylesheet; and its invite card.
import type { Signal } from "@preact/signals";
import inviteCss from "../src/invite/invite.css";
import type {
  CallActions,
  CallState,
  InviteAnswer,
  KernelPresence,
  Phase,
  Problem,
} from "../src/ui/state.js";
import callCss from "../src/ui/style.css";

export interface Tools {
  /** A call with this many others in it, inside a new element of the page. */
  callOf(others: number, actions?: Partial<CallActions>): Shown;
  check(truth: boolean, what: string): void;
  rendered(): Promise<void>;
}

interface Shown {
  state: CallState;
  problem: Signal<Problem | null>;
  el: HTMLElement;
  unmount(): void;
}

type Test = [name: string, run: () => Promise<void>];

/** What a call is shown in, and whether it is all that is there. */
const PLACES: [name: string, style: string, fills: boolean][] = [
  ["a phone upright", "width: 360px; height: 740px; overflow: hidden", true],
  ["a larger phone upright", "width: 390px; height: 844px; overflow: hidden", true],
  ["a phone on its side", "width: 740px; height: 360px; overflow: hidden", true],
  ["a larger phone on its side", "width: 844px; height: 390px; overflow: hidden", true],
  ["a tablet", "width: 768px; height: 1024px; overflow: hidden", true],
  ["a flat output view", "width: 800px; height: 200px; overflow: auto", true],
  ["a small output view", "width: 360px; height: 200px; overflow: auto", true],
  ["a very wide output view", "width: 2400px; height: 300px; overflow: auto", true],
  ["a padded output view", "width: 900px; height: 420px; overflow: auto; padding: 10px 0 30px", true],
  ["a scrolled output", "width: 900px; max-height: 312px; overflow-y: auto", false],
  ["a narrow scrolled output", "width: 420px; max-height: 312px; overflow-y: auto", false],
  ["a cell on a phone", "width: 256px; max-height: 620px; overflow-y: auto", false],
];
const OTHERS = [0, 1, 2, 5, 11];
const SCREENS: [Phase, button: string][] = [
  ["idle", ".rw-join"],
  ["joined", ".rw-leave"],
  ["joined", '[aria-label="Microphone"]'],
  ["reconnecting", ".rw-leave"],
  ["left", ".rw-join"],
  ["failed", ".rw-join"],
];

export function heightTests({ callOf, check, rendered }: Tools): Test[] {
  const settled = async () => {
    for (let turn = 0; turn < 3; turn++) await rendered();
  };
  const styled = async (run: () => Promise<void>) => {
    const style = document.createElement("style");
    style.textContent = callCss + inviteCss;
    document.head.append(style);
    await run();
    style.remove();
  };
  const root = (el: HTMLElement) => el.querySelector<HTMLElement>(".rw") ?? el;
  const height = (el: HTMLElement) => root(el).offsetHeight;
  const inside = (inner: Element | null, outer: Element) => {
    if (inner === null) return false;
    const [a, b] = [inner.getBoundingClientRect(), outer.getBoundingClientRect()];
    return a.height > 0 && a.top >= b.top && a.bottom <= b.bottom && a.left >= b.left && a.right <= b.right;
  };

  const bounded = PLACES.map(
    ([name, style, fills]): Test => [
      `in ${name} the controls are in sight, whoever comes`,
      () =>
        styled(async () => {
          const heights = new Set<number>();
          for (const others of OTHERS) {
            const { state, el, unmount } = callOf(others);
            el.style.cssText = style;
            for (const [phase, button] of SCREENS) {
              state.phase.value = phase;
              await settled();
              const where = `${phase} with ${others} others: `;
              check(inside(el.querySelector(button), el), `${where}${button} is in sight`);
              check(el.scrollHeight <= el.clientHeight, `${where}nothing else scrolls`);
              const room_px = el.clientHeight - Number.parseFloat(getComputedStyle(el).paddingTop) * 4;
              if (fills) check(height(el) >= room_px - 1, `${where}the place is filled`);
              if (phase === "joined") heights.add(height(el));
            }
            unmount();
            el.remove();
          }
          check(heights.size === 1, `people change no height: ${[...heights]}`);
        }),
    ],
  );

  return [
    ...bounded,
    [
      "on phones the tiles take most of the screen",
      () =>
        styled(async () => {
          for (const [name, style] of PLACES.slice(0, 4)) {
            for (const others of [1, 2, 5, 11]) {
              const { el, unmount } = callOf(others);
              el.style.cssText = style;
              await settled();
              const tiles = [...el.querySelectorAll<HTMLElement>(".rw-tile")];
              const area = tiles.reduce((sum, one) => sum + one.offsetWidth * one.offsetHeight, 0);
              const share = area / (el.clientWidth * el.clientHeight);
              check(share > 0.45, `${others} others fill ${name}: ${share.toFixed(2)}`);
              unmount();
              el.remove();
            }
          }
        }),
    ],
    [
      "an output that begins to scroll takes the call along, and lets it go",
      () =>
        styled(async () => {
          const { el, unmount } = callOf(2);
          el.style.cssText = "width: 900px";
          await settled();
          const natural_px = height(el);
          check(natural_px > 400, "by itself it is tall");
          const scrolled = document.createElement("style");
          scrolled.textContent = ".scrolled { max-height: 312px; overflow-y: auto }";
          document.head.append(scrolled);
          el.classList.add("scrolled");
          await settled();
          check(height(el) === 312, "it is as tall as the output shows");
          el.classList.remove("scrolled");
          await settled();
          check(height(el) === natural_px, "as tall as before");
          scrolled.remove();
          unmount();
          el.remove();
        }),
    ],
    [
      "a view that is made smaller or larger takes the call along",
      () =>
        styled(async () => {
          const { el, unmount } = callOf(2);
          for (const height_px of [500, 200, 900]) {
            el.style.cssText = `width: 800px; height: ${height_px}px; overflow: auto`;
            await settled();
            check(height(el) === height_px, `it is ${height_px} px tall`);
            check(inside(el.querySelector(".rw-leave"), el), "Leave is in sight");
          }
          unmount();
          el.remove();
        }),
    ],
    [
      "beside other outputs it is no taller than what is seen at once, and not stretched",
      () =>
        styled(async () => {
          const { el, unmount } = callOf(2);
          const cell = document.createElement("div");
          cell.style.height = "80px";
          el.style.cssText = "width: 800px; height: 900px; overflow: auto";
          el.prepend(cell);
          await settled();
          check(height(el) < 500, "as tall as it likes");
          el.style.height = "300px";
          await settled();
          check(height(el) === 300, "as tall as what is seen");
          unmount();
          el.remove();
        }),
    ],
    [
      "a banner lies over the stage: nothing moves, and no control is covered",
      () =>
        styled(async () => {
          const { state, problem, el, unmount } = callOf(2);
          el.style.cssText = "width: 720px";
          await settled();
          const [before_px, tile] = [height(el), el.querySelector<HTMLElement>(".rw-tile")];
          const top_px = tile?.getBoundingClientRect().top;
          state.phase.value = "reconnecting";
          problem.value = {
            code: "reconnecting",
            title: "Coming back…",
            advice: "",
            level: "calm",
            actions: [],
          };
          await settled();
          const banner = el.querySelector(".rw-banner");
          check(banner?.getAttribute("role") === "status", "what passes by itself is no alarm");
          check(el.querySelectorAll(".rw-banner").length === 1, "it is said once");
          check(banner?.querySelector(".rw-spinner") !== null, "it turns");
          check(
            height(el) === before_px && tile?.getBoundingClientRect().top === top_px,
            "nothing has moved",
          );
          problem.value = {
            code: "relay-unreachable",
            title: "No.",
            advice: "Long ".repeat(200),
            level: "error",
            actions: ["retry"],
          };
          await settled();
          check(el.querySelectorAll(".rw-banner").length === 1, "one banner at a time");
          const leave = el.querySelector(".rw-leave")?.getBoundingClientRect();
          const over = document.elementFromPoint((leave?.left ?? 0) + 20, (leave?.top ?? 0) + 10);
          check(over?.closest(".rw-leave") !== null, "Leave can be pressed");
          unmount();
          el.remove();
        }),
    ],
    [
      "the invite card asks the kernel, takes the focus and gives it back",
      () =>
        styled(async () => {
          const asked: boolean[] = [];
          const { state, el, unmount } = callOf(1, { askInvite: ({ publish }) => void asked.push(publish) });
          el.style.cssText = "width: 720px";
          await settled();
          const button = el.querySelector<HTMLElement>('.rw-bar [aria-label="Invite"]');
          button?.focus();
          button?.click();
          await settled();
          const sheet = () => el.querySelector<HTMLElement>('[role="dialog"][aria-label="Invite"]');
          check(sheet() !== null && document.activeElement === sheet(), "it has the focus");
          check(asked.join() === "true", "the kernel is asked");
          check(sheet()?.textContent?.includes("Making the link") === true, "it says what it waits for");
          answer(state, given(true));
          await settled();
          check(sheet()?.querySelector("img")?.alt === "QR code of the invite link", "the code is there");
          check(sheet()?.textContent?.includes("works here only") === true, "and the warning");
          check(!el.innerHTML.includes("secret"), "the token is not on the screen");
          sheet()?.querySelector<HTMLInputElement>("input[type=checkbox]")?.click();
          await settled();
          check(asked.join() === "true,false", "a link to watch only is another link");
          answer(state, given(false));
          await settled();
          check(inside(el.querySelector(".rw-leave"), root(el)), "Leave is in sight");
          check(sheet()?.textContent?.includes("sends nothing") === true, "it says so");
          const copy = sheet()?.querySelector<HTMLElement>(".rw-copy-whole");
          copy?.focus();
          copy?.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
          await settled();
          check(sheet() === null, "escape closes it");
          check(document.activeElement === button, "the button has the focus again");
          unmount();
          el.remove();
        }),
    ],
    [
      "without a link the invite card says why, and gives the code that meets",
      () =>
        styled(async () => {
          const { state, el, unmount } = callOf(0);
          el.style.cssText = "width: 720px";
          state.room.value = 'a"b\\c';
          await settled();
          check(
            el.querySelector(".rw-snippet")?.textContent === 'Call(room="a\\"b\\\\c")',
            "Python can read it",
          );
          check(el.textContent?.includes("notebook of yours on this computer") === true, "it says where");
          state.relay.value = { url: "https://relay.example/x", needsToken: true };
          await settled();
          const code = 'Call(room="a\\"b\\\\c", url="https://relay.example/x")';
          check(el.querySelector(".rw-snippet")?.textContent === code, "the code says which relay");
          check(el.textContent?.includes("RELAY_WIDGET_TOKEN") === true, "and what it needs");
          el.querySelector<HTMLElement>('[aria-label="Invite"]')?.click();
          await settled();
          answer(state, {
            kind: "invite-refused",
            publish: true,
            code: "forbidden",
            message: "Only the owner.",
          });
          await settled();
          const sheet = el.querySelector<HTMLElement>('[role="dialog"]');
          check(sheet?.textContent?.includes("Only the owner.") === true, "why");
          check(sheet?.querySelector(".rw-snippet")?.textContent === code, "and what to do");
          (state.kernel as Signal<KernelPresence>).value = "gone";
          await settled();
          check(
            sheet?.textContent?.includes("Run the cell again") === true,
            "a kernel that has gone makes none",
          );
          state.phase.value = "left";
          await settled();
          check(el.querySelector('[role="dialog"]') === null, "after the call nobody is invited");
          unmount();
          el.remove();
        }),
    ],
  ];
}

function answer(state: CallState, said: InviteAnswer): void {
  state.invite.value = said;
}

function given(publish: boolean): InviteAnswer {
  return {
    kind: "invite",
    link: "https://relay.example/join#token=secret",
    qr: "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E",
    room: "lab",
    name: null,
    publish,
    subscribe: true,
    expires_ms: Date.now() + 3_600_000,
    warning: "It works here only.",
  };
}
