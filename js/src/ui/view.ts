// What one mounted view has beside the call's state: its width, what is open in it, and what it has seen.
import { computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Quality } from "../quality.js";
import { LiveRegion, type Moment, mutedNews, news, QualityNews } from "./announce.js";
import type { Bound } from "./bounds.js";
import { FullScreen } from "./full-screen.js";
import { History } from "./history.js";
import { type Frame, frameOf, headWidth_px, NARROW_PX } from "./layout.js";
import { listenerSentences } from "./phrases.js";
import type { CallActions, CallState, Phase, Source } from "./state.js";

export type Popover = "devices" | "chips" | "keys" | "muted-microphone" | "muted-camera" | null;
export type Switch = "microphone" | "camera";

/** Phases in which nobody is invited. */
const AFTER_OR_BEFORE: ReadonlySet<Phase> = new Set<Phase>(["idle", "left", "failed"]);

export interface View {
  readonly state: CallState;
  readonly actions: CallActions;
  /** Show copies of the others' pictures only: the elements stay with another view. */
  readonly mirror: boolean;
  readonly width_px: Signal<number>;
  /** How tall it may be; null: as tall as it likes. */
  readonly bound: Signal<Bound | null>;
  readonly frame: ReadonlySignal<Frame>;
  /** The head has no room for everything: chips and charts fold. */
  readonly narrow: ReadonlySignal<boolean>;
  readonly popover: Signal<Popover>;
  readonly fullScreen: FullScreen;
  /** The microphone is on for as long as Space is held. */
  readonly talking: Signal<boolean>;
  readonly figuresOpen: Signal<boolean>;
  readonly inviteOpen: Signal<boolean>;
  readonly history: History;
  /** Counts up when the history has changed. */
  readonly historyAge: Signal<number>;
  /** Whose hops the chart shows: chosen by the user; null: the slowest person's. */
  readonly chosen: Signal<string | null>;
  /** The last line for the live region. */
  readonly news: ReadonlySignal<string>;
  /** Names by peer id; changes only when somebody comes, goes or is renamed. */
  readonly people: ReadonlySignal<ReadonlyMap<string, string>>;
  /** Where the picture comes from when the screen is no longer shared. */
  sourceBesidesScreen(): Source;
  /** The host has muted it. */
  blocked(kind: Switch): boolean;
  /** It is sent now, unless the host has muted it. */
  isOn(kind: Switch): boolean;
  /** Switch it on or off; where the host has muted it, say so instead. */
  toggle(kind: Switch): void;
  close(): void;
}

export function createView(root: HTMLElement, state: CallState, actions: CallActions, mirror: boolean): View {
  const fullScreen = new FullScreen(root);
  const width_px = signal(0);
  const bound = signal<Bound | null>(null);
  const frame = computed(() => frameOf(width_px.value, fullScreen.shown.value === null ? bound.value : null));
  const history = new History();
  const historyAge = signal(0);
  const region = new LiveRegion();
  const ownNews = new QualityNews();
  const people = stable(
    () => new Map(state.tiles.value.map((tile) => [tile.peer, tile.name])),
    (a, b) => a.size === b.size && [...a].every(([peer, name]) => b.get(peer) === name),
  );

  let source: Source = "camera";
  let before: Moment | null = null;
  let muted = state.mutedByHost.peek();
  /** What was said of the connection while it was lost: for a moment after that it still stands there. */
  let whileAway: Quality | null = null;
  const popover = signal<Popover>(null);
  const inviteOpen = signal(false);
  // A screen is sent in the camera's place.
  const isOn = (kind: Switch) => state[kind].value && !(kind === "camera" && state.source.value === "screen");
  const blocked = (kind: Switch) => state.mutedByHost.value[kind === "microphone" ? "audio" : "video"];
  const ends = [
    () => fullScreen.close(),
    () => region.close(),
    effect(() => {
      if (AFTER_OR_BEFORE.has(state.phase.value)) inviteOpen.value = false;
    }),
    effect(() => {
      void state.phase.value; // another screen: what was open in the last one is closed
      popover.value = null;
    }),
    effect(() => {
      if (state.phase.value === "idle" || state.phase.value === "left" || state.phase.value === "failed")
        fullScreen.leave();
    }),
    effect(() => {
      const open = popover.value;
      const kind = open === "muted-microphone" ? "microphone" : open === "muted-camera" ? "camera" : null;
      if (kind !== null && !blocked(kind)) popover.value = null;
    }),
    effect(() => {
      if (state.source.value !== "screen") source = state.source.value;
    }),
    effect(() => {
      history.add(performance.now(), state.tiles.value);
      historyAge.value = historyAge.peek() + 1;
    }),
    effect(() => {
      const after: Moment = {
        phase: state.phase.value,
        room: state.room.peek(),
        people: people.value,
        listeners: listenerSentences(state.listeners.value, people.value, state.ownId.peek()),
      };
      const line = before === null ? "" : news(before, after);
      before = after;
      region.tell(line);
    }),
    effect(() => {
      const after = state.mutedByHost.value;
      const line = state.phase.peek() === "joined" ? mutedNews(muted, after) : "";
      muted = after;
      region.tell(line);
    }),
    effect(() => {
      if (state.phase.value === "reconnecting") whileAway = state.quality.value;
    }),
    effect(() => {
      // The figures come four times a second: what could not be told before is looked at again with them.
      void state.tiles.value;
      const quality = state.quality.value;
      const current = state.phase.peek() === "joined" && quality !== whileAway;
      region.tell(current ? ownNews.of(quality, performance.now()) : "");
    }),
  ];

  return {
    state,
    actions,
    mirror,
    width_px,
    bound,
    frame,
    narrow: computed(() => headWidth_px(width_px.value, frame.value) < NARROW_PX),
    popover,
    fullScreen,
    talking: signal(false),
    figuresOpen: signal(false),
    inviteOpen,
    history,
    historyAge,
    chosen: signal(null),
    news: region.line,
    people,
    sourceBesidesScreen: () => source,
    blocked,
    isOn,
    toggle(kind) {
      if (state.mutedByHost.peek()[kind === "microphone" ? "audio" : "video"]) {
        const panel = `muted-${kind}` as const;
        popover.value = popover.peek() === panel ? null : panel;
      } else if (kind === "microphone") actions.setMicrophone(!state.microphone.peek());
      else actions.setCamera(!isOn("camera"));
    },
    close() {
      for (const end of ends) end();
    },
  };
}

export const ViewContext = createContext<View | null>(null);

export function useView(): View {
  const view = useContext(ViewContext);
  if (view === null) throw new Error("relay-widget: a component was rendered outside of mountCall");
  return view;
}

/** A computed value that stays the same object while it is equal: what depends on it does not run again. */
export function stable<T>(compute: () => T, equal: (a: T, b: T) => boolean): ReadonlySignal<T> {
  let last: { value: T } | null = null;
  return computed(() => {
    const value = compute();
    if (last === null || !equal(last.value, value)) last = { value };
    return last.value;
  });
}
