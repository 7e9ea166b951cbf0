// The line above the lab: how it stands, and what WebRTC takes on this page.
import { useComputed } from "@preact/signals";
import { Fact } from "../ui/fact.js";
import { KeysButton } from "../ui/keys-list.js";
import type { Phase } from "../ui/state.js";
import { tip } from "../ui/tips.js";
import { useView } from "../ui/view.js";
import type { Lab } from "./lab.js";

const PHASES: Record<Phase, string> = {
  idle: "not joined",
  connecting: "connecting…",
  joined: "live",
  reconnecting: "reconnecting…",
  left: "stopped",
  failed: "not connected",
};

export function Head({ lab }: { lab: Lab }) {
  const { state, people, narrow } = useView();
  const words = useComputed(() => {
    const phase = state.phase.value;
    // One of them is oneself, through the relay.
    const others = people.value.size - 1;
    if (phase !== "joined" || others < 1) return PHASES[phase];
    return `live · ${others + 1} people`;
  });
  const inCall = useComputed(() => ["connecting", "joined", "reconnecting"].includes(state.phase.value));
  const reference = useComputed(() => {
    const { value } = lab.reference.median_ms;
    if (value !== null) return `${Math.round(value)} ms`;
    if (lab.reference.failed.value) return "not available";
    return lab.running.value ? "…" : "–";
  });
  return (
    <div class="rw-head">
      <b class="rw-room" {...tip(`Room ${state.room.value}`)}>
        Latency lab
      </b>
      <span class={`rw-chip rw-phase-${state.phase.value}`}>
        <span class="rw-dot" />
        {words}
      </span>
      <span class="rw-space" />
      {state.phase.value !== "idle" && (
        <Fact
          class="rw-chip"
          words="From drawing to screen over a WebRTC connection from this page to itself, of a small picture without sound: the least that WebRTC takes here. Measured for 5 s of every 30"
        >
          {narrow.value ? "WebRTC" : "WebRTC here:"} {reference}
        </Fact>
      )}
      {inCall.value && <KeysButton />}
    </div>
  );
}
