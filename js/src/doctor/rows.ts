// From what the page sees to rows in words. Pure. Where a join would fail for the same reason, the words are those of
// the call (ui/words.ts); what Python finds has its words there (src/relay_widget/checkup/rows.py).
import type { Attempt, ClockReading, RungProbe } from "../transport/probe.js";
import { WAYS, wayAdvice } from "../ui/ways.js";
import { problemFor } from "../ui/words.js";
import type { DeviceFacts, Kind, LocalFacts } from "./facts.js";

export type State = "good" | "warning" | "bad" | "unknown";

/** The twin of Python's Row. */
export interface Row {
  check: string;
  state: State;
  code: string;
  message: string;
  advice: string;
}

/** A clock known no better than this makes latencies a matter of opinion. */
const VAGUE_CLOCK_MS = 50;

const row = (check: string, state: State, code: string, message: string, advice = ""): Row => ({
  check,
  state,
  code,
  message,
  advice,
});
const good = (check: string, message: string): Row => row(check, "good", "ok", message);

/** A row in the words that the cell would show. `detail` is the sentence that came with the code. */
function asInTheCall(check: string, state: State, code: string, detail?: string): Row {
  const { title, advice } = problemFor(code, detail);
  return row(check, state, code, title, advice);
}

export function localRows(facts: LocalFacts): Row[] {
  return [
    good("browser", `${facts.browser}.`),
    facts.secure
      ? good("secure page", `${facts.origin} may have camera and microphone.`)
      : asInTheCall("secure page", "bad", "insecure-page"),
    deviceRow("camera", facts.camera, facts.secure),
    deviceRow("microphone", facts.microphone, facts.secure),
    facts.records.length > 0
      ? good("recording", `It records ${typesInWords(facts.records)}.`)
      : row(
          "recording",
          "bad",
          "cannot-record",
          "This browser records none of the formats of a call.",
          "You see and hear the others, but cannot send. A current Chrome, Edge, Firefox or Safari can.",
        ),
    facts.plays.length > 0
      ? good("playing", `It plays ${typesInWords(facts.plays)}.`)
      : asInTheCall("playing", "bad", "mse-missing"),
    bothWays(facts),
    facts.encodesSound
      ? good("sound encoder", "Sound is encoded piece by piece (WebCodecs).")
      : row(
          "sound encoder",
          "warning",
          "no-webcodecs",
          "This browser cannot encode sound piece by piece, so it is recorded in blocks of 60 ms.",
          "Sound comes a little later to the others. Chrome and Edge do better, on a secure page.",
        ),
  ];
}

function bothWays({ records, plays }: LocalFacts): Row {
  const check = "codecs both ways";
  const both = records.filter((type) => plays.includes(type));
  const kinds = ["video", "audio"].filter((kind) => both.some((type) => type.startsWith(`${kind}/`)));
  if (kinds.length === 2) return good(check, `It plays what it records: ${typesInWords(both)}.`);
  if (records.length === 0 || plays.length === 0) {
    return row(check, "unknown", "no-common-codec", "There is nothing to compare.");
  }
  return row(
    check,
    "warning",
    "no-common-codec",
    `This browser plays no ${kinds.includes("video") ? "sound" : "pictures"} of those that it records.`,
    "Somebody with the same browser would not come through. A current Chrome or Firefox on both sides does.",
  );
}

function deviceRow(kind: Kind, facts: DeviceFacts, secure: boolean): Row {
  if (!secure) {
    return row(kind, "bad", "insecure-page", "The browser keeps it from this page: see secure page.");
  }
  if (!facts.delegated) return asInTheCall(kind, "bad", "not-delegated");
  if (facts.opened === "ok") return good(kind, `It opens. ${counted(kind, facts.count)}`);
  if (facts.permission === "denied") return asInTheCall(kind, "bad", "permission-denied");
  if (facts.count === 0) return asInTheCall(kind, "warning", `no-${kind}`);
  if (facts.opened !== null) return asInTheCall(kind, "bad", facts.opened);
  if (facts.permission === "granted") return good(kind, `Allowed. ${counted(kind, facts.count)}`);
  return row(
    kind,
    "unknown",
    "not-asked",
    `The browser will ask when you join. ${counted(kind, facts.count)}`,
    "Press Try camera and microphone to see now.",
  );
}

function counted(kind: Kind, count: number | null): string {
  if (count === null) return "";
  return count === 1 ? `There is a ${kind}.` : `There are ${count} ${kind}s.`;
}

export function wayRows(probes: readonly RungProbe[]): Row[] {
  const first = probes.findIndex(carries);
  return probes.map((probe, index) => wayRow(probe, first === -1 || index < first, first === -1));
}

function carries({ first, polling }: RungProbe): boolean {
  return first.code === "ok" || polling?.code === "ok";
}

/** `wanted`: no better way carries. `last`: no way carries at all. */
function wayRow(probe: RungProbe, wanted: boolean, last: boolean): Row {
  const check = `way: ${WAYS[probe.rung]}`;
  const { first, polling } = probe;
  if (first.code === "ok") {
    return good(check, `Carries${probe.rung === "tunnel" ? "" : ", by WebSocket"}; opened in ${ms(first)}.`);
  }
  if (polling !== null && polling.code !== "unreachable") {
    const { title, advice } = problemFor("websocket-blocked");
    if (polling.code === "ok") return row(check, "warning", "websocket-blocked", title, advice);
    return refused(check, polling, wanted, last);
  }
  if (!wanted) return row(check, "unknown", first.code, `Not needed. ${sentence(first)}`);
  return refused(check, first, wanted, last);
}

function refused(check: string, { code, message }: Attempt, wanted: boolean, last: boolean): Row {
  const state = last ? "bad" : wanted ? "warning" : "unknown";
  if (code === "unreachable") {
    return row(check, state, "relay-unreachable", sentence({ code, message }), wayAdvice("unreachable"));
  }
  if (isKnown(code)) return asInTheCall(check, state, code, message);
  return row(check, state, code, message, wayAdvice(code));
}

function isKnown(code: string): boolean {
  return problemFor(code).title !== problemFor("").title;
}

/** Socket.IO's own words for a connection that does not come up are no sentences. */
function sentence({ code, message }: Pick<Attempt, "code" | "message">): string {
  if (code !== "unreachable") return message;
  return message === "timeout"
    ? "Nothing answered this page in time."
    : "Nothing answers this page there that is a relay.";
}

/** No relay, or no kernel to ask for it. */
export function noTicketRow(code: "ticket-missing" | "relay-unreachable"): Row {
  if (code === "ticket-missing") return asInTheCall("kernel's answer", "bad", code);
  return row("ways", "unknown", code, "Not tried, because there is no relay: see the kernel's rows.");
}

export function clockRow(probes: readonly RungProbe[]): Row {
  const check = "clock";
  const clock = probes.find((probe) => probe.clock !== null)?.clock ?? null;
  if (clock === null) return row(check, "unknown", "relay-unreachable", "Not compared, for want of a way.");
  const words = apart(clock);
  if (clock.error_ms <= VAGUE_CLOCK_MS) return good(check, words);
  return row(
    check,
    "warning",
    "clock-vague",
    words,
    "The way to the relay is long or busy: latencies are as vague.",
  );
}

function apart({ offset_ms, error_ms }: ClockReading): string {
  const sure = `give or take ${error_ms.toFixed(1)} ms`;
  if (Math.abs(offset_ms) <= error_ms) return `The relay's clock and this page's agree, ${sure}.`;
  const where = offset_ms > 0 ? "ahead of" : "behind";
  return `The relay's clock is ${Math.abs(offset_ms).toFixed(1)} ms ${where} this page's, ${sure}.`;
}

function ms({ took_ms }: Attempt): string {
  return `${Math.round(took_ms)} ms`;
}

const CODECS: readonly [RegExp, string][] = [
  [/vp8/, "VP8"],
  [/vp9/, "VP9"],
  [/avc1/, "H.264"],
  [/opus/, "Opus"],
  [/mp4a/, "AAC"],
];

/** "VP8, VP9 and Opus in WebM; H.264 and AAC in MP4". */
export function typesInWords(types: readonly string[]): string {
  return ["webm", "mp4"]
    .map((container) => {
      const inIt = types.filter((type) => type.includes(`/${container};`)).join();
      const names = CODECS.filter(([pattern]) => pattern.test(inIt)).map(([, name]) => name);
      if (names.length === 0) return "";
      const list = names.length === 1 ? names : [names.slice(0, -1).join(", "), names.at(-1)];
      return `${list.join(" and ")} in ${container === "webm" ? "WebM" : "MP4"}`;
    })
    .filter((words) => words !== "")
    .join("; ");
}

/** All of it in one line. An unknown row is not a good one. */
export function verdict(rows: readonly Row[]): string {
  const count = (state: State) => rows.filter((one) => one.state === state).length;
  const bad = count("bad");
  const warnings = count("warning");
  const unknown = count("unknown");
  if (bad + warnings + unknown === 0) return "Nothing is in the way";
  if (bad + warnings === 0) return `Nothing is in the way of what was checked; ${unknown} not checked`;
  return [
    unknown > 0 ? `${unknown} not checked` : "",
    bad > 0 ? `${bad} in the way` : "",
    warnings > 0 ? `${warnings} warning${warnings > 1 ? "s" : ""}` : "",
  ]
    .filter((words) => words !== "")
    .join(", ");
}

/** To be pasted into a report: the rows as they are, and nothing that lets anybody in. */
export function asText(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ check }) => check.length));
  const marks: Record<State, string> = { good: "ok  ", warning: "!   ", bad: "BAD ", unknown: "?   " };
  const lines = rows.map(({ check, state, code, message, advice }) =>
    [
      `${marks[state]}${check.padEnd(width)}  ${message}${code === "ok" ? "" : ` [${code}]`}`,
      ...(advice === "" ? [] : [`${" ".repeat(width + 6)}-> ${advice}`]),
    ].join("\n"),
  );
  return `relay-widget doctor\n${lines.join("\n")}\n`;
}
