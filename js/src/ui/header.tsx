// The line above the tiles: which room, how the call stands, and the worst figures.
import { type ReadonlySignal, useComputed } from "@preact/signals";
import { Icon } from "./icons.js";
import { KeysButton } from "./keys-list.js";
import { RecordedChip } from "./listeners.js";
import {
  deepestQueue,
  latencyWords,
  pathWords,
  peopleWords,
  recordedWords,
  worstLatency_ms,
} from "./phrases.js";
import { PopoverPanel } from "./popover.js";
import type { Phase } from "./state.js";
import { tip } from "./tips.js";
import { useView } from "./view.js";

const PHASES: Record<Phase, string> = {
  idle: "not joined",
  connecting: "connecting…",
  joined: "live",
  reconnecting: "reconnecting…",
  left: "left",
  failed: "not connected",
};

export function Header() {
  const { state } = useView();
  const inCall = state.phase.value === "joined" || state.phase.value === "reconnecting";
  return (
    <div class="rw-head">
      <b class="rw-room" data-tip={state.room}>
        {state.room}
      </b>
      <StateChip />
      {inCall && <RecordedChip />}
      <span class="rw-space" />
      {inCall && <Chips />}
      {inCall && <KeysButton />}
    </div>
  );
}

function StateChip() {
  const { state, people, narrow } = useView();
  const words = useComputed(() => {
    const phase = state.phase.value;
    if (phase !== "joined") return PHASES[phase];
    const here = peopleWords(people.value.size + 1);
    if (state.kernel.value !== "gone") return `live · ${here}`;
    return narrow.value ? `${here} · no Python` : `live · ${here} · without Python`;
  });
  // Beside who records there is no room for the words.
  const short = useComputed(
    () => narrow.value && state.phase.value === "joined" && recordedWords(state.listeners.value) !== "",
  );
  return (
    <span class={`rw-chip rw-phase-${state.phase.value}`}>
      <span class="rw-dot" />
      {short.value && <span aria-hidden="true">{people.value.size + 1}</span>}
      <span class={short.value ? "rw-unseen" : undefined}>{words}</span>
    </span>
  );
}

/** Chips on the right, one where there is no room for all. They are a button that says in words what they mean. */
function Chips() {
  const { state, people, narrow, popover } = useView();
  const latency = useComputed(() => latencyWords(worstLatency_ms(state.tiles.value)));
  const queue = useComputed(() => String(deepestQueue(state.tiles.value)));
  const recorders = useComputed(() => recordedWords(state.listeners.value).replace(/^recorded by /, ""));
  const open = popover.value === "chips";
  const alone = people.value.size === 0;
  const path = pathWords(state.transport.value);
  return (
    <div class="rw-anchor">
      <button
        type="button"
        class={narrow.value ? "rw-chip rw-chip-latency rw-chip-button" : "rw-chips"}
        aria-label="About the connection"
        aria-expanded={open}
        aria-haspopup="dialog"
        onClick={() => {
          popover.value = open ? null : "chips";
        }}
        {...tip("About the connection")}
      >
        {narrow.value ? (
          <>
            <span>{latency}</span>
            <Icon name="more" />
          </>
        ) : (
          <>
            {!alone && <span class="rw-chip rw-chip-latency">{latency}</span>}
            {!alone && (
              <span class="rw-chip rw-chip-queue">
                <span>queue {queue}</span>
              </span>
            )}
            {state.transport.value !== "" && (
              <span class={`rw-chip rw-path-${state.transport.value}`}>{path.name}</span>
            )}
          </>
        )}
      </button>
      {open && (
        <PopoverPanel label="About the connection" place="below">
          <dl class="rw-facts">
            <Fact name="Room" value={state.room} />
            <Fact name="Path" value={path.name} words={path.explanation} />
            <Fact name="Worst latency" value={latency} words="From capture to screen, of all that you see." />
            <Fact name="Deepest queue" value={queue} words="Chunks that wait to be played." />
            {state.quality.value !== null && <Fact name="Your side" words={state.quality.value.words} />}
            {recorders.value !== "" && <Fact name="Recorded by" value={recorders} />}
          </dl>
        </PopoverPanel>
      )}
    </div>
  );
}

interface FactProps {
  name: string;
  value?: string | ReadonlySignal<string>;
  words?: string;
}

function Fact({ name, value, words }: FactProps) {
  return (
    <div>
      <dt>{name}</dt>
      {value !== undefined && <dd>{value}</dd>}
      {words !== undefined && <dd class="rw-note">{words}</dd>}
    </div>
  );
}
