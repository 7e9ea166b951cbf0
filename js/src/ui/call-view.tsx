// Which of the screens is shown: before the call, in it, or after it.
import { useComputed } from "@preact/signals";
import { Controls } from "./controls.js";
import { EndScreen } from "./end-screen.js";
import { FiguresPanel } from "./figures.js";
import { Header } from "./header.js";
import { Lobby } from "./lobby.js";
import { Stage } from "./stage.js";
import { useView } from "./view.js";

export function Call() {
  const { state, news, frame } = useView();
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
  return (
    <>
      {screen.value === "lobby" && (
        <div class="rw-screen rw-before">
          <Lobby />
        </div>
      )}
      {screen.value === "call" && (
        <div class={`rw-screen rw-during rw-frame-${frame.value}`}>
          <Header />
          <Stage />
          <Controls />
          <FiguresPanel />
        </div>
      )}
      {screen.value === "end" && (
        <div class="rw-screen rw-after">
          <Header />
          <EndScreen />
        </div>
      )}
      <div class="rw-unseen" aria-live="polite">
        {news}
      </div>
    </>
  );
}
