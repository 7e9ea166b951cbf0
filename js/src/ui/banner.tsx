// Something in the way, said in words, with the buttons that help.
import type { ComponentChildren } from "preact";
import { Icon } from "./icons.js";
import type { CallActions, Phase, Problem } from "./state.js";
import { tip } from "./tips.js";
import { useView } from "./view.js";

type Action = Problem["actions"][number];

const LABELS: Record<Action, string> = {
  retry: "Try again",
  rejoin: "Rejoin",
  lobby: "Back to the lobby",
  "join-without-media": "Join without camera and microphone",
  "join-sound-only": "Join with sound only",
  "use-pattern": "Use a test picture",
  leave: "Leave",
  dismiss: "Dismiss",
};

/** Above the lobby. What is only waited for lies over it instead: nothing below moves for that. */
export function ProblemBanner() {
  const { state } = useView();
  const problem = state.problem.value;
  if (problem === null) return null;
  const banner = <Banner problem={problem} />;
  return problem.level === "calm" ? <Over>{banner}</Over> : banner;
}

/** Over the stage: it moves nothing, and is empty while nothing is the matter. */
export function CallBanner() {
  const { state } = useView();
  const problem = state.problem.value;
  return <Over>{problem !== null && <Banner problem={problem} />}</Over>;
}

/** Laid over what is below it, which neither moves nor is covered whole. */
function Over({ children }: { children: ComponentChildren }) {
  return <div class="rw-over">{children}</div>;
}

/** calm: it passes by itself, and turns; note: good to know. Both are said quietly. */
function Banner({ problem }: { problem: Problem }) {
  const quiet = problem.level === "calm" || problem.level === "note";
  return (
    <div class={`rw-banner rw-${problem.level}`} role={quiet ? "status" : "alert"}>
      {problem.level === "calm" ? (
        <span class="rw-spinner" aria-hidden="true" />
      ) : (
        <Icon name={quiet ? "info" : "warning"} />
      )}
      <ProblemWords problem={problem} />
      <Dismiss problem={problem} />
    </div>
  );
}

/** `first` is the look of the first button: the way out most people want. */
export function ProblemWords({ problem, first = "" }: { problem: Problem; first?: string }) {
  return (
    <div class="rw-banner-text">
      <b>{problem.title}</b>
      {problem.advice !== "" && (
        <span>
          {problem.advice} {hasCode(problem) && <span class="rw-code">{problem.code}</span>}
        </span>
      )}
      <ProblemButtons problem={problem} first={first} />
    </div>
  );
}

/** A code is for looking up what is wrong; a note says all there is. */
function hasCode({ level }: Problem): boolean {
  return level === "warn" || level === "error";
}

function ProblemButtons({ problem, first }: { problem: Problem; first: string }) {
  const { state, actions } = useView();
  const useful = problem.actions.filter((action) => isUseful(action, state.phase.value));
  if (useful.length === 0) return null;
  // Beside a large button, a link would be lost.
  const secondLook = first === "" ? "rw-button rw-plain" : "rw-button rw-second";
  return (
    <div class="rw-banner-buttons">
      {useful.map((action, index) => (
        <button
          type="button"
          key={action}
          class={index === 0 ? `rw-button ${first}` : secondLook}
          onClick={() => perform(action, actions)}
        >
          {LABELS[action]}
        </button>
      ))}
    </div>
  );
}

function Dismiss({ problem }: { problem: Problem }) {
  const { actions } = useView();
  if (!problem.actions.includes("dismiss")) return null;
  return (
    <button
      type="button"
      class="rw-button rw-close"
      aria-label={LABELS.dismiss}
      {...tip(LABELS.dismiss)}
      onClick={() => actions.dismissProblem()}
    >
      <Icon name="close" />
    </button>
  );
}

/** What makes no sense in the call is offered only before it, what begins it anew only after it; the cross stands for
 * "dismiss". */
function isUseful(action: Action, phase: Phase): boolean {
  if (action === "dismiss") return false;
  if (action === "lobby" || action === "rejoin") return phase === "left" || phase === "failed";
  const inCall = phase === "joined" || phase === "reconnecting" || phase === "connecting";
  return !(inCall && (action === "join-without-media" || action === "join-sound-only"));
}

function perform(action: Action, actions: CallActions): void {
  switch (action) {
    case "retry":
    case "rejoin":
      actions.retry();
      break;
    case "lobby":
      actions.toLobby();
      break;
    case "join-without-media":
      actions.join({ media: "none" });
      break;
    case "join-sound-only":
      actions.join({ media: "sound" });
      break;
    case "use-pattern":
      actions.setSource("pattern");
      break;
    case "leave":
      actions.leave();
      break;
    case "dismiss":
      actions.dismissProblem();
      break;
  }
}
