// Runs inside Chromium (see ui-browser.test.ts): what only a real page can show.
import { type Signal, signal } from "@preact/signals";
import { mountCall } from "../src/ui/index.js";
import { showVideo } from "../src/ui/shared-video.js";
import type { CallActions, CallState, Invitation, KernelPresence, Problem, Tile } from "../src/ui/state.js";

import { heightTests } from "./ui-heights.page.js";

export interface Result {
  name: string;
  error: string | null;
}

const NO_ACTIONS: CallActions = {
  startPreview() {},
  join() {},
  leave() {},
  toLobby() {},
  setRoom() {},
  setName() {},
  setSource() {},
  setMicrophone() {},
  setCamera() {},
  chooseCamera() {},
  chooseMicrophone() {},
  unmute() {},
  askInvite() {},
  retry() {},
  dismissProblem() {},
};

const PROBLEM: Problem = { code: "x", title: "X.", advice: "Y.", level: "warn", actions: ["dismiss"] };

const WATCHER: Invitation = { room: "lab", name: null, publish: false, subscribe: true, expires_ms: null };

let recording: Promise<string> | null = null;
const TEST_LIMIT_MS = 8000;

const tests: [name: string, run: () => Promise<void> | void][] = [
  ["one view holds the element, the other shows a live copy", async () => oneHoldsOneCopies(await playing())],
  ["the same for an element that shows a stream", async () => oneHoldsOneCopies(await playingStream())],
  [
    "a view that takes copies only never takes the element",
    async () => {
      const video = await playing();
      const [copies, own] = [place(), place()];
      const stopCopies = showVideo(copies, video, true);
      check(video.parentNode === null, "the element is free");
      const stopOwn = showVideo(own, video);
      check(video.parentNode === own, "the other view takes it");
      stopOwn();
      check(!video.isConnected, "and nobody after that");
      stopCopies();
      check(copies.childElementCount === 0, "the copy is gone");
    },
  ],
  [
    "a view outside the page gives the element to one inside",
    async () => {
      const video = await playing();
      const [scrolledAway, shown] = [document.createElement("div"), place()];
      const stopFirst = showVideo(scrolledAway, video);
      check(video.parentNode === scrolledAway, "alone, it holds the element");
      const stopSecond = showVideo(shown, video);
      check(video.parentNode === shown, "the view in the page has it");
      check(scrolledAway.querySelector("video") !== null, "the other one has a copy");
      stopFirst();
      stopSecond();
    },
  ],
  [
    "figures change four times a second without touching an element",
    async () => {
      const { state, el, unmount } = call([tile({ video: await playing() })]);
      await rendered();
      const grid = el.querySelector(".rw-grid");
      const changes = new MutationObserver(() => {});
      if (grid !== null) changes.observe(grid, { childList: true, subtree: true });
      for (let latency_ms = 100; latency_ms < 120; latency_ms++) {
        state.tiles.value = state.tiles.value.map((old) => ({ ...old, figures: figures(latency_ms) }));
        await rendered();
      }
      check(el.querySelector(".rw-badge")?.textContent === "119 ms · 3", "the badge shows the last figure");
      check(changes.takeRecords().length === 0, "no node came or went");
      changes.disconnect();
      unmount();
    },
  ],
  [
    "bars and words say how good a connection is, one's own too",
    async () => {
      const { state, el, unmount } = call([tile({ quality: { grade: "poor", words: "Ada is slow." } })]);
      state.quality.value = { grade: "fair", words: "You are slow." };
      await rendered();
      const bars = () => [...el.querySelectorAll(".rw-tile .rw-bars")];
      const labels = () => bars().map((one) => one.getAttribute("aria-label"));
      check(labels().join() === "You are slow.,Ada is slow.", "both are said");
      check(bars()[0]?.querySelectorAll(".rw-lit").length === 2, "fair is two bars");
      check(bars()[1]?.querySelectorAll(".rw-lit").length === 1, "poor is one bar");
      state.quality.value = { grade: "good", words: "You are fine." };
      await rendered();
      check(labels()[0] === "You are fine.", "the words follow");
      check(bars()[0]?.querySelectorAll(".rw-lit").length === 3, "and the bars");
      unmount();
    },
  ],
  [
    "the figures show the hops of the slowest person, and of whom one clicks",
    async () => {
      const hops = {
        record_p50_ms: 41,
        uplink_p50_ms: 1,
        downlink_p50_ms: 2,
        queue_p50_ms: 74,
        play_p50_ms: 64,
      };
      const known = (latency_ms: number) => ({ ...figures(latency_ms), ...hops });
      const { state, el, unmount } = call([
        tile({ figures: known(182) }),
        tile({ key: "p2", peer: "p2", name: "Grace", figures: known(300) }),
        tile({ key: "p3", peer: "p3", name: "Noor", figures: figures(100) }),
      ]);
      el.querySelector<HTMLElement>('[aria-label="Figures"]')?.click();
      await rendered();
      const title = () => el.querySelector(".rw-chart figcaption b")?.textContent;
      check(title() === "Latency by hop, Grace, last 30 s", "Grace is the slowest");
      check(
        el.querySelector(".rw-legend")?.textContent === "record 41relay 3queue 74play 64",
        "her hops are said",
      );
      const people = [...el.querySelectorAll<HTMLElement>(".rw-person")];
      check(people.map((one) => one.ariaPressed).join() === "false,true,false", "her name is marked");
      people[0]?.click();
      await rendered();
      check(title() === "Latency by hop, Ada, last 30 s", "Ada is chosen");
      state.tiles.value = [tile({ figures: figures(100) })];
      await rendered();
      check(el.querySelectorAll(".rw-area").length === 4, "what was known is still shown");
      unmount();
      const unknown = call([tile({ figures: figures(100) })]);
      unknown.el.querySelector<HTMLElement>('[aria-label="Figures"]')?.click();
      await rendered();
      const plain = unknown.el.querySelector(".rw-chart figcaption b")?.textContent;
      check(plain === "Latency, last 30 s", "without hops it is a line");
      unknown.unmount();
    },
  ],
  [
    "the element stays where it is when others come and go",
    async () => {
      const video = await playing();
      const { state, el, unmount } = call([tile({ video })]);
      await rendered();
      const host = video.parentNode;
      check(host !== null && el.contains(video), "it is in its tile");
      state.tiles.value = [...state.tiles.value, tile({ key: "p2", peer: "p2", name: "Grace" })];
      await rendered();
      state.tiles.value = state.tiles.value.slice(0, 1);
      await rendered();
      check(video.parentNode === host, "it is in the same tile");
      check(!video.paused, "it plays");
      unmount();
      check(el.childElementCount === 0, "nothing is left of the view");
    },
  ],
  [
    "two views of one call: the second takes the element when the first goes",
    async () => {
      const video = await playing();
      const { state, el: first, unmount: unmountFirst } = call([tile({ video })]);
      const second = place();
      const unmountSecond = mountCall(second, state, NO_ACTIONS);
      await rendered();
      check(first.contains(video), "the first view holds it");
      check(second.querySelector("video[data-copy]") !== null, "the second shows a copy");
      unmountFirst();
      check(second.contains(video), "the second has it now");
      unmountSecond();
    },
  ],
  [
    "a name is text, whatever is in it",
    async () => {
      const { el, unmount } = call([tile({ name: "<img src=x onerror=alert(1)>" })]);
      await rendered();
      check(el.querySelector("img") === null, "no element was made of it");
      check(el.textContent?.includes("<img src=x onerror=alert(1)>") === true, "it is shown as it is");
      unmount();
    },
  ],
  [
    "a key that is pressed in the call is not heard by the page around, in whichever phase it listens",
    async () => {
      const { state, el, unmount } = call([]);
      state.phase.value = "idle";
      await rendered();
      let [heard, saved] = [0, 0];
      const above = (event: Event) => {
        if ((event as KeyboardEvent).key === "s") saved++;
        else heard++;
      };
      for (const type of ["keydown", "keypress", "keyup"]) el.addEventListener(type, above);
      // As Lumino looks for a binding with the selector `:focus`, from the document, before the event is here.
      let bound = 0;
      const lumino = (event: Event) => {
        let element = event.target instanceof Element ? event.target : null;
        for (; element !== null; element = element.parentElement) {
          if (element.hasAttribute("data-lm-suppress-shortcuts")) return;
          if (element.matches(":focus")) bound++;
        }
      };
      document.addEventListener("keydown", lumino, true);
      const focusable = el.querySelectorAll<HTMLElement>("button, input, select");
      check(focusable.length > 3, "a lobby has buttons and fields");
      for (const element of focusable) {
        element.focus();
        for (const type of ["keydown", "keypress", "keyup"]) press(element, "b", type);
      }
      check(heard === 0, `nothing is heard above the call, not ${heard} events`);
      check(bound === 0, `nothing is bound to a key of the call, not ${bound}`);
      focusable[0]?.focus();
      press(focusable[0], "s", "keydown", { ctrlKey: true });
      check(saved === 1 && bound === 1, "saving goes through to the host");
      press(focusable[0], "b");
      check(bound === 1, "and only saving");
      document.removeEventListener("keydown", lumino, true);
      unmount();
    },
  ],
  [
    "escape closes the device pickers and gives the focus back",
    async () => {
      const { el, unmount } = call([]);
      await rendered();
      const button = el.querySelector<HTMLElement>('[aria-label="Devices"]');
      button?.click();
      await rendered();
      const picker = el.querySelector<HTMLElement>('[role="dialog"] select');
      check(document.activeElement === picker, "the first picker has the focus");
      picker?.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
      await rendered();
      check(el.querySelector('[role="dialog"]') === null, "it is closed");
      check(document.activeElement === button, "the button has the focus");
      unmount();
    },
  ],
  [
    "keys do what people know, but not while one types",
    async () => {
      const { state, el, unmount } = call([]);
      await rendered();
      const leave = button(el, "Leave");
      leave.focus();
      press(leave, "m");
      check(!state.microphone.value, "M switches the microphone off");
      press(leave, "M");
      check(state.microphone.value, "and on");
      press(leave, "v");
      check(!state.camera.value, "V switches the camera off");
      press(leave, "m", "keydown", { ctrlKey: true });
      check(state.microphone.value, "Ctrl+M is not ours");
      press(leave, "?");
      await rendered();
      check(el.querySelector("kbd") !== null, "? shows the keys");
      check(document.activeElement?.getAttribute("role") === "dialog", "the list has the focus");
      press(document.activeElement ?? undefined, "Escape");
      await rendered();
      check(el.querySelector("kbd") === null, "Escape closes them");
      check(document.activeElement === leave, "the focus is where it was");
      state.phase.value = "idle";
      await rendered();
      const field = el.querySelector("input") ?? undefined;
      field?.focus();
      press(field, "m");
      press(field, "v");
      check(state.microphone.value && !state.camera.value, "a name may have an m and a v");
      press(button(el, "Show preview"), "m");
      check(!state.microphone.value, "M is also for the lobby");
      press(button(el, "Show preview"), "f");
      unmount();
    },
  ],
  [
    "space is held to talk, and let go of by whatever takes it away",
    async () => {
      const { state, el, unmount } = call([]);
      state.microphone.value = false;
      await rendered();
      const root = el.querySelector<HTMLElement>(".rw") ?? undefined;
      const talks = (end: () => void, what: string) => {
        press(root, " ");
        check(state.microphone.value, "one is heard while Space is held");
        end();
        check(!state.microphone.value, what);
      };
      talks(() => press(root, " ", "keyup"), "and not after");
      talks(() => window.dispatchEvent(new Event("blur")), "not when the window is left");
      talks(
        () => root?.dispatchEvent(new FocusEvent("focusout", { bubbles: true })),
        "not when the call is left",
      );
      talks(() => window.dispatchEvent(new Event("pagehide")), "not when the page goes");
      press(root, " ");
      press(root, "m");
      press(root, " ", "keyup");
      check(!state.microphone.value, "M ends it, too");
      state.microphone.value = true;
      press(root, " ");
      press(root, " ", "keyup");
      check(state.microphone.value, "who is heard is not switched off by it");
      state.microphone.value = false;
      const figures = button(el, "Figures");
      figures.focus();
      press(figures, " ");
      check(!state.microphone.value, "on a button, a short press is the button's");
      await until(() => state.microphone.value, "a long one talks");
      const up = press(figures, " ", "keyup");
      check(up.defaultPrevented && !state.microphone.value, "and is no press of the button");
      press(root, " ");
      state.phase.value = "left";
      check(!state.microphone.value, "the end of the call ends it");
      unmount();
    },
  ],
  [
    "a toolbar is one Tab stop, with arrow keys, Home and End",
    async () => {
      const { state, el, unmount } = call([]);
      await rendered();
      const stops = () =>
        [...el.querySelectorAll<HTMLElement>("[role=toolbar] button")].filter(
          ({ tabIndex }) => tabIndex === 0,
        );
      check(stops().length === 1, "one stop");
      stops()[0]?.focus();
      check(focusedWords() === "Microphone", "the first button");
      press(document.activeElement ?? undefined, "ArrowRight");
      check(focusedWords() === "Camera", "then the second");
      press(document.activeElement ?? undefined, "End");
      check(focusedWords() === "Leave", "End is the last");
      press(document.activeElement ?? undefined, "ArrowRight");
      check(focusedWords() === "Microphone", "after which comes the first");
      press(document.activeElement ?? undefined, "ArrowLeft");
      press(document.activeElement ?? undefined, "Home");
      check(focusedWords() === "Microphone", "Home is the first");
      press(document.activeElement ?? undefined, "ArrowRight");
      press(document.activeElement ?? undefined, "ArrowRight");
      check(
        focusedWords() === "Share your screen" && stops()[0] === document.activeElement,
        "the stop moves along",
      );
      state.canShareScreen.value = false;
      await rendered();
      check(stops().length === 1, "and there is one again when its button goes");
      unmount();
    },
  ],
  [
    "the focus follows from screen to screen, and is taken from nobody",
    async () => {
      const { state, el, unmount, problem } = call([]);
      state.phase.value = "idle";
      await rendered();
      const join = el.querySelector<HTMLElement>("button[type=submit]");
      join?.focus();
      join?.click();
      await rendered();
      check(focusedWords() === "Microphone", `after Join: the controls, not ${focusedWords()}`);
      button(el, "Leave").focus();
      button(el, "Leave").click();
      await rendered();
      check(focusedWords() === "Rejoin", `after Leave: Rejoin, not ${focusedWords()}`);
      button(el, "Back to the lobby").focus();
      button(el, "Back to the lobby").click();
      await rendered();
      check(focusedWords() === "Join “lab”", `in the lobby: Join, not ${focusedWords()}`);
      problem.value = PROBLEM;
      await rendered();
      button(el, "Dismiss").focus();
      problem.value = null;
      await rendered();
      check(focusedWords() === "Join “lab”", "a banner that goes leaves it there, too");

      const cell = document.createElement("textarea");
      document.body.append(cell);
      cell.focus();
      state.phase.value = "joined";
      await rendered();
      check(document.activeElement === cell, "somebody who types elsewhere goes on");
      button(el, "Leave").focus();
      document.body.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
      (document.activeElement as HTMLElement).blur();
      state.phase.value = "left";
      await rendered();
      check(document.activeElement === document.body, "and so does somebody who has clicked elsewhere");
      cell.remove();
      unmount();
    },
  ],
  [
    "a call whose kernel has gone offers no way back that leads nowhere, and the focus stays in it",
    async () => {
      const { state, kernel, el, unmount } = call([]);
      await rendered();
      button(el, "Leave").focus();
      kernel.value = "gone";
      state.phase.value = "left";
      await rendered();
      check(el.querySelector(".rw-end button") === null, "nothing to press");
      check(document.activeElement === el.querySelector(".rw"), "the view itself has the focus");
      unmount();
    },
  ],
  [
    "one's own tile has one's name, and changes it",
    async () => {
      const { state, el, unmount } = call([tile({})]);
      state.name.value = "Ada";
      await rendered();
      const rename = () => button(el, "Ada (you): change your name");
      rename().click();
      await rendered();
      const field = document.activeElement as HTMLInputElement;
      check(field.matches(".rw-self input") && field.value === "Ada", "a field with the name has the focus");
      field.value = "Grace";
      press(field, "m");
      check(state.microphone.value, "an m in it is a letter");
      press(field, "Escape");
      await rendered();
      check(state.name.value === "Ada" && document.activeElement === rename(), "Escape leaves it as it was");
      rename().click();
      await rendered();
      (document.activeElement as HTMLInputElement).value = "  Grace ";
      (document.activeElement as HTMLInputElement).form?.requestSubmit();
      await rendered();
      check(state.name.value === "Grace", "Enter takes the new name");
      check(focusedWords() === "Grace (you): change your name", "and the focus is at the name again");
      unmount();
    },
  ],
  [
    "a guest who only watches has no tile, no switches and no name to give away",
    async () => {
      const { state, el, unmount } = call([tile({})], { invitation: WATCHER });
      await rendered();
      check(el.querySelectorAll(".rw-tile").length === 1, "the other one is alone on the stage");
      check(el.querySelector('[aria-label="Microphone"]') === null, "no microphone");
      press(button(el, "Leave"), "m");
      check(state.microphone.value, "and no key for it");
      state.tiles.value = [];
      await rendered();
      check(el.querySelectorAll(".rw-grid > li").length === 1, "alone there is only the place for others");
      unmount();
    },
  ],
  [
    "what the host has muted is seen on the button and on one's tile, and its button says why",
    async () => {
      const { state, el, unmount } = call([tile({})]);
      state.mutedByHost.value = { audio: true, video: false };
      await rendered();
      const microphone = button(el, "Microphone");
      check(microphone.matches(".rw-blocked") && microphone.ariaPressed === "false", "the button looks it");
      check(
        el.querySelector(".rw-self")?.textContent?.includes("Muted by the host") === true,
        "the tile says it",
      );
      microphone.focus();
      check(
        el.querySelector("[role=tooltip]")?.textContent === "Microphone: muted by the host",
        "so does its tip",
      );
      press(microphone, "m");
      await rendered();
      check(state.microphone.value, "nothing is switched");
      check(
        el.querySelector("[role=dialog]")?.textContent?.includes("until the host unmutes you") === true,
        "but why",
      );
      state.mutedByHost.value = { audio: false, video: false };
      await rendered();
      check(el.querySelector("[role=dialog]") === null, "it goes with its reason");
      check(focusedWords() === "Microphone", "and leaves the focus at the button");
      unmount();
    },
  ],
  [
    "facts are reached by pointer, keyboard and finger",
    async () => {
      const { el, unmount } = call([
        tile({ quality: { grade: "good", words: "The connection to Ada is good." } }),
      ]);
      await rendered();
      const tooltip = el.querySelector<HTMLElement>("[role=tooltip]");
      const badge = el.querySelector<HTMLElement>("[data-peer] .rw-badge");
      badge?.click();
      check(
        tooltip?.hidden === false && tooltip.textContent?.includes("Latency 50 ms") === true,
        "by a finger",
      );
      press(badge ?? undefined, "Escape");
      check(tooltip?.hidden === true, "Escape closes it");
      badge?.focus();
      check(tooltip?.hidden === false, "by the keyboard");
      check(badge?.getAttribute("aria-describedby") === tooltip?.id, "and by a screen reader");
      button(el, "About the connection").click();
      await rendered();
      const panel = el.querySelector("[role=dialog]")?.textContent ?? "";
      check(
        panel.includes("Media travel straight between this page and the relay."),
        "the chips say what they mean",
      );
      check(el.querySelector("[title]") === null, "nothing stands in a title alone");
      unmount();
    },
  ],
  ...heightTests({ callOf, check, rendered }),
];

const results: Result[] = [];
for (const [name, run] of tests) {
  try {
    await Promise.race([run(), tooLong()]);
    results.push({ name, error: null });
  } catch (error) {
    results.push({ name, error: String(error) });
  }
}
await fetch("/done", { method: "POST", body: JSON.stringify(results) });

async function oneHoldsOneCopies(video: HTMLVideoElement): Promise<void> {
  const [first, second] = [place(), place()];
  const stopFirst = showVideo(first, video);
  const stopSecond = showVideo(second, video);
  check(video.parentNode === first, "the first view holds the element");
  const copy = second.querySelector("video");
  check(copy !== null && copy !== video, "the second view has an element of its own");
  check(copy?.muted === true, "the copy makes no sound");
  check(copy?.dataset.peerId === "p1", "the copy can be found by its peer");
  if (copy) await nextFrame(copy);
  check(copy?.videoWidth === 64, "the copy shows the picture");

  stopFirst();
  check(video.parentNode === second, "the second view has taken the element over");
  check(second.childElementCount === 1, "its copy is gone");
  await nextFrame(video);
  check(!video.paused, "it plays on");
  stopSecond();
  check(!video.isConnected, "nobody shows it any more");
}

function press(
  element: Element | undefined,
  key: string,
  type = "keydown",
  more: KeyboardEventInit = {},
): Event {
  const event = new KeyboardEvent(type, { key, bubbles: true, composed: true, cancelable: true, ...more });
  if (element === undefined) throw new Error(`expected: something to press ${key} on`);
  element.dispatchEvent(event);
  return event;
}

async function until(truth: () => boolean, what: string): Promise<void> {
  for (let frame = 0; !truth(); frame++) {
    check(frame < 300, what);
    await rendered();
  }
}

function tooLong(): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Error("no end of it")), TEST_LIMIT_MS));
}

function check(truth: boolean, what: string): void {
  if (!truth) throw new Error(`expected: ${what}`);
}

function place(): HTMLElement {
  const el = document.createElement("div");
  document.body.append(el);
  return el;
}

/** A small moving picture. */
function pictures(): MediaStream {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [64, 48];
  const context = canvas.getContext("2d");
  setInterval(() => {
    if (context === null) return;
    context.fillStyle = `hsl(${performance.now() % 360} 50% 50%)`;
    context.fillRect(0, 0, 64, 48);
  }, 40);
  return canvas.captureStream(25);
}

/** Two slices of it, recorded: an element that plays them has a source of its own, as a player's has. */
function recorded(): Promise<string> {
  return new Promise((resolve) => {
    const recorder = new MediaRecorder(pictures(), { mimeType: "video/webm;codecs=vp8" });
    const slices: Blob[] = [];
    recorder.ondataavailable = ({ data }) => {
      slices.push(data);
      if (slices.length === 2) recorder.stop();
    };
    recorder.onstop = () => resolve(URL.createObjectURL(new Blob(slices)));
    recorder.start(300);
  });
}

async function playing(): Promise<HTMLVideoElement> {
  recording ??= recorded();
  const video = mutedVideo();
  video.loop = true;
  video.src = await recording;
  await video.play();
  return video;
}

async function playingStream(): Promise<HTMLVideoElement> {
  const video = mutedVideo();
  video.srcObject = pictures();
  await video.play();
  return video;
}

function mutedVideo(): HTMLVideoElement {
  const video = document.createElement("video");
  video.dataset.peerId = "p1";
  video.muted = true;
  return video;
}

function nextFrame(video: HTMLVideoElement): Promise<void> {
  return new Promise((resolve) => video.requestVideoFrameCallback(() => resolve()));
}

/** Preact renders after the current task, and effects after the next frame. */
function rendered(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

function figures(latency_ms: number): NonNullable<Tile["figures"]> {
  return {
    queue_depth: 3,
    buffered_s: 0.1,
    latency_ms,
    stalls: 0,
    dropped_frames: 0,
    dropped_groups: 0,
    rate: 1,
  };
}

function tile(given: Partial<Tile>): Tile {
  return {
    key: "p1/camera",
    peer: "p1",
    name: "Ada",
    video: null,
    hasPicture: true,
    muted: false,
    isScreen: false,
    speaking: false,
    figures: figures(50),
    quality: null,
    silenced: false,
    note: null,
    ...given,
  };
}

function callOf(others: number, actions: Partial<CallActions> = {}) {
  const names = Array.from({ length: others }, (_, index) => `Person ${index}`);
  return call(
    names.map((name, index) => tile({ key: `p${index}/camera`, peer: `p${index}`, name })),
    { actions },
  );
}

interface Given {
  actions?: Partial<CallActions>;
  invitation?: Invitation;
}

interface Shown {
  state: CallState;
  problem: Signal<Problem | null>;
  kernel: Signal<KernelPresence>;
  el: HTMLElement;
  unmount(): void;
}

/** A call with these tiles, joined. Its switches do what they say. */
function call(tiles: Tile[], { actions = {}, invitation }: Given = {}): Shown {
  const problem = signal<Problem | null>(null);
  const kernel = signal<KernelPresence>("here");
  const state: CallState = {
    phase: signal("joined"),
    problem,
    room: signal("lab"),
    name: signal("Me"),
    source: signal("camera"),
    microphone: signal(true),
    camera: signal(true),
    preview: signal(null),
    previewing: signal(false),
    level: signal(0),
    cameras: signal([]),
    microphones: signal([]),
    cameraId: signal(""),
    microphoneId: signal(""),
    peopleHere: signal([]),
    recordersHere: signal([]),
    tiles: signal(tiles),
    listeners: signal([]),
    ownId: signal("me"),
    kernel,
    mutedByHost: signal({ audio: false, video: false }),
    relay: signal({ url: null, needsToken: false }),
    invite: signal(null),
    transport: signal("direct"),
    quality: signal(null),
    canCapture: signal(true),
    canShareScreen: signal(true),
    invitation: invitation ?? null,
  };
  const el = place();
  return {
    state,
    problem,
    kernel,
    el,
    unmount: mountCall(el, state, { ...NO_ACTIONS, ...switches(state), ...actions }),
  };
}

function switches(state: CallState): Partial<CallActions> {
  return {
    setMicrophone: (on) => {
      state.microphone.value = on;
    },
    setCamera: (on) => {
      state.camera.value = on;
    },
    setName: (name) => {
      state.name.value = name;
    },
    toLobby: () => {
      state.phase.value = "idle";
    },
    join: () => {
      state.phase.value = "joined";
    },
    leave: () => {
      state.phase.value = "left";
    },
  };
}

function button(el: HTMLElement, label: string): HTMLElement {
  const found = [...el.querySelectorAll<HTMLElement>("button")].find(
    (one) => one.getAttribute("aria-label") === label || one.textContent === label,
  );
  if (found === undefined) throw new Error(`expected: a button ${label}`);
  return found;
}

function focusedWords(): string {
  const { activeElement } = document;
  return activeElement?.getAttribute("aria-label") ?? activeElement?.textContent ?? "";
}
