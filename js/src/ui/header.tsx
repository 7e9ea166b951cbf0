// The line above the tiles: which room, how the call stands, and the worst figures.
import { useComputed } from "@preact/signals";
import { Icon } from "./icons.js";
import { deepestQueue, latencyWords, pathWords, peopleWords, worstLatency_ms } from "./phrases.js";
import { PopoverPanel } from "./popover.js";
import type { Phase } from "./state.js";
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
      <b class="rw-room" title={state.room}>
        {state.room}
      </b>
      <StateChip />
      <span class="rw-space" />
      {inCall && <Chips />}
    </div>
  );
}

function StateChip() {
  const { state, people } = useView();
  const words = useComputed(() => {
    const phase = state.phase.value;
    return phase === "joined" ? `live · ${peopleWords(people.value.size + 1)}` : PHASES[phase];
  });
  return (
    <span class={`rw-chip rw-phase-${state.phase.value}`}>
      <span class="rw-dot" />
      {words}
    </span>
  );
}

/** Chips on the right; where there is no room for them one chip opens the others as a menu. */
function Chips() {
  const { state, people, narrow, popover } = useView();
  const latency = useComputed(() => latencyWords(worstLatency_ms(state.tiles.value)));
  const queue = useComputed(() => String(deepestQueue(state.tiles.value)));
  const open = popover.value === "chips";
  const alone = people.value.size === 0;
  if (!narrow.value) {
    return (
      <>
        {!alone && (
          <>
            <span class="rw-chip rw-chip-latency" title="The worst latency of the pictures you see">
              {latency}
            </span>
            <span class="rw-chip rw-chip-queue" title="Chunks that wait to be played: the deepest queue">
              <span>queue {queue}</span>
            </span>
          </>
        )}
        {state.transport.value !== "" && (
          <span
            class={`rw-chip rw-path-${state.transport.value}`}
            title={pathWords(state.transport.value).explanation}
          >
            {pathWords(state.transport.value).name}
          </span>
        )}
      </>
    );
  }
  return (
    <div class="rw-anchor">
      <button
        type="button"
        class="rw-chip rw-chip-latency rw-chip-button"
        aria-label="Figures of the connection"
        aria-expanded={open}
        aria-haspopup="dialog"
        onClick={() => {
          popover.value = open ? null : "chips";
        }}
      >
        <span>{latency}</span>
        <Icon name="more" />
      </button>
      {open && (
        <PopoverPanel label="Figures of the connection" place="below">
          <dl class="rw-list">
            <dt>Path</dt>
            <dd title={pathWords(state.transport.value).explanation}>
              {pathWords(state.transport.value).name}
            </dd>
            <dt>Worst latency</dt>
            <dd>{latency}</dd>
            <dt>Deepest queue</dt>
            <dd>{queue}</dd>
          </dl>
        </PopoverPanel>
      )}
    </div>
  );
}
