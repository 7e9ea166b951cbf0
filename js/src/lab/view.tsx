// The lab's face: the call on the left, what it costs on the right; below each other where there is no room.
import { useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { CallBanner } from "../ui/banner.js";
import { EndScreen } from "../ui/end-screen.js";
import { Icon } from "../ui/icons.js";
import { mountCall } from "../ui/index.js";
import { HOME } from "../ui/keep-focus.js";
import { Lobby } from "../ui/lobby.js";
import { PeerTile, SelfTile } from "../ui/tile.js";
import { tip } from "../ui/tips.js";
import { Toggle } from "../ui/toggle.js";
import { Toolbar } from "../ui/toolbar.js";
import { useView } from "../ui/view.js";
import { Charts, SweepCurve } from "./charts.js";
import { Head } from "./head.js";
import type { Lab } from "./lab.js";
import { SettingsPanel } from "./settings.js";

/** Show the lab inside `el`. Returns how to take this view away. */
export function mountLab(el: HTMLElement, lab: Lab): () => void {
  const { state, actions } = lab.call;
  return mountCall(el, state, actions, { content: <LabView lab={lab} />, label: "Latency lab" });
}

function LabView({ lab }: { lab: Lab }) {
  const { state, news } = useView();
  const screen = useComputed(() => {
    switch (state.phase.value) {
      case "idle":
        return "lobby";
      case "left":
      case "failed":
        return "end";
      default:
        return "call";
    }
  });
  const measured = useComputed(() => lab.age.value > 0);
  return (
    <>
      <Head lab={lab} />
      {screen.value === "lobby" && <Lobby />}
      {screen.value === "call" && (
        <div class="rw-lab">
          <div class="rw-lab-call">
            <Tiles />
            <Bar />
            <SettingsPanel lab={lab} />
          </div>
          <Charts lab={lab} />
          <SweepCurve lab={lab} />
        </div>
      )}
      {screen.value === "end" && (
        <>
          <End lab={lab} />
          {measured.value && (
            <div class="rw-lab rw-lab-over">
              <Charts lab={lab} />
              <SweepCurve lab={lab} />
            </div>
          )}
        </>
      )}
      <div class="rw-unseen" aria-live="polite">
        {news}
      </div>
    </>
  );
}

/** What is over, above what was measured. */
function End({ lab }: { lab: Lab }) {
  const { state, actions } = useView();
  if (lab.kernelGone.value) {
    return (
      <Notice
        title="The kernel has gone, and the measurement with it."
        advice="What was measured last stays below. Run the cell to measure again."
      />
    );
  }
  if (state.phase.value === "failed" || state.problem.value !== null) return <EndScreen />;
  return (
    <Notice title="Stopped." advice="Nothing is sent or measured now.">
      <button type="button" class="rw-button" onClick={() => actions.join()} {...HOME}>
        Measure again
      </button>
    </Notice>
  );
}

function Notice(props: { title: string; advice: string; children?: ComponentChildren }) {
  return (
    <div class="rw-banner rw-quiet" role="status">
      <Icon name="info" />
      <div class="rw-banner-text">
        <b>{props.title}</b>
        <span>{props.advice}</span>
      </div>
      {props.children}
    </div>
  );
}

function Tiles() {
  const { state } = useView();
  const keys = useComputed(() => state.tiles.value.map((tile) => tile.key).join("\n"));
  return (
    <div class="rw-lab-stage">
      <ul class="rw-lab-tiles" aria-label="People in the call">
        <SelfTile column={1} />
        {keys.value.split("\n").map((key) => key !== "" && <PeerTile key={key} id={key} column={1} />)}
      </ul>
      <CallBanner />
    </div>
  );
}

function Bar() {
  const { actions } = useView();
  return (
    <Toolbar label="Call controls">
      <Toggle kind="microphone" />
      <Toggle kind="camera" />
      <button
        type="button"
        class="rw-round rw-leave"
        aria-label="Leave"
        onClick={() => actions.leave()}
        {...tip("Stop measuring")}
      >
        <Icon name="leave" />
      </button>
    </Toolbar>
  );
}
