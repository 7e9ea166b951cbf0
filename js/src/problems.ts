// What is in the way, as a person is told: one thing at a time, derived from what is known. Nothing is shown because it
// came last, and nothing stays once it is no longer so. Pure.
import type { KernelPresence, Phase, Problem } from "./ui/state.js";
import { problemFor } from "./ui/words.js";

/** A recovery that takes longer than this is told as trouble; it goes on all the same. */
export const LASTING_MS = 15_000;

/** A code, and the sentence that came with it. */
export interface Said {
  code: string;
  message?: string | undefined;
  /** The kernel has said it of the relay. */
  ofRelay?: boolean;
}

export interface Facts {
  phase: Phase;
  kernel: KernelPresence;
  /** On a join page. */
  guest: boolean;
  /** Join was pressed although there is no kernel. */
  joinRefused: boolean;
  /** Why the call has ended, or that there is nothing to join. */
  ended: Said | null;
  /** What the kernel says of a relay that it does not get into; null when it has given a ticket since. */
  relay: Said | null;
  /** Why the page does not get to the relay; null while it does, or has not tried for long. */
  unreached: string | null;
  /** It has been out of the room, on its way in, for longer than LASTING_MS. */
  lasting: boolean;
  /** The kernel has not given a ticket in time. */
  ticketMissing: boolean;
  /** A device did not open, or ended. */
  capture: Said | null;
  /** This browser cannot play anything. */
  cannotPlay: boolean;
  /** This browser records nothing that everybody in the room can play. */
  noCommonCodec: boolean;
  /** Notes that the user has put away. */
  dismissed: ReadonlySet<string>;
}

/** What the kernel says of the user's own relay; all else that it says is of one that was named. */
const OWN_RELAY = new Set(["relay-start", "runtime-dir", "disk-full", "port-in-use", "tls", "redis"]);
/** The kernel goes on trying, and may well get there. */
const MAY_PASS = new Set(["relay-start", "no-answer"]);

/** Whether nothing but the user can mend what the kernel says of its relay. */
export function isFinal(relay: Said): boolean {
  return !MAY_PASS.has(relay.code);
}

export function problemOf(facts: Facts): Problem | null {
  const problem = found(facts);
  return problem !== null && facts.dismissed.has(problem.code) ? null : problem;
}

function found(facts: Facts): Problem | null {
  const { relay } = facts;
  const say = (said: Said) =>
    said.ofRelay ? ofRelay(said) : problemFor(said.code, said.message, facts.guest);
  switch (facts.phase) {
    case "idle":
    case "left":
    case "failed":
      if (facts.kernel === "gone")
        return say({ code: facts.joinRefused ? "join-without-kernel" : "lobby-without-kernel" });
      if (facts.phase === "failed" && facts.ended !== null) return say(facts.ended);
      if (facts.cannotPlay) return say({ code: "mse-missing" });
      return (relay && ofRelay(relay)) ?? (facts.capture && say(facts.capture));
    case "connecting":
    case "reconnecting":
      if (facts.ticketMissing && relay === null) return say({ code: "ticket-missing" });
      if (facts.lasting) {
        return (
          (relay && ofRelay(relay)) ??
          say({ code: "relay-unreachable", message: facts.unreached ?? undefined })
        );
      }
      if (facts.phase === "reconnecting") return say({ code: "reconnecting" });
      return facts.unreached !== null || relay !== null ? say({ code: "relay-slow" }) : null;
    case "joined":
      if (facts.capture !== null) return say(facts.capture);
      if (facts.noCommonCodec) return say({ code: "no-common-codec" });
      if (facts.kernel === "gone") return say({ code: "kernel-gone" });
      return facts.kernel === "silent" ? say({ code: "kernel-silent" }) : null;
  }
}

/** What the kernel says of its relay, in the words for it. */
function ofRelay({ code, message }: Said): Problem {
  if (OWN_RELAY.has(code)) return problemFor(code, message);
  return { ...problemFor("named-relay", message), code };
}
