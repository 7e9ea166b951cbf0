// After the call, or where it could not go on.
import { ProblemWords } from "./banner.js";
import { Icon } from "./icons.js";
import { HOME } from "./keep-focus.js";
import { BELOW_STAGE_PX, STAGE_INSET_PX, stageHeight_px } from "./layout.js";
import type { Problem } from "./state.js";
import { useView } from "./view.js";
import { endedBy, problemFor } from "./words.js";

export function EndScreen() {
  const { state, width_px, bound } = useView();
  // Unless something bounds it: as tall as the stage was, so that the notebook below stays where it is.
  const height_px = stageHeight_px(Math.max(width_px.value - STAGE_INSET_PX, 0)) + BELOW_STAGE_PX;
  return (
    <div class="rw-end" style={bound.value === null ? { minHeight: `${height_px}px` } : {}} {...HOME}>
      {state.phase.value === "failed" ? <Failed /> : <Left />}
    </div>
  );
}

function Left() {
  const { state, actions } = useView();
  const problem = state.problem.value;
  return (
    <>
      <b>You have left “{state.room}”.</b>
      <span>Nothing is sent or recorded now.</span>
      {problem !== null && <ProblemWords problem={{ ...problem, actions: besidesLeaving(problem) }} />}
      {state.kernel.value !== "gone" && (
        <div class="rw-banner-buttons">
          <button type="button" class="rw-button rw-join" onClick={() => actions.join()}>
            Rejoin
          </button>
          <button type="button" class="rw-button rw-second" onClick={() => actions.toLobby()}>
            Back to the lobby
          </button>
        </div>
      )}
    </>
  );
}

/** The two buttons below say the others. */
function besidesLeaving({ actions }: Problem): Problem["actions"] {
  return actions.filter((action) => action !== "lobby" && action !== "rejoin");
}

function Failed() {
  const { state } = useView();
  return (
    <>
      <Icon name="warning" />
      <ProblemWords problem={endedBy(state.problem.value ?? problemFor("unknown"))} first="rw-join" />
    </>
  );
}
