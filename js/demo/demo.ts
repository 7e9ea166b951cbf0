// The UI with a made-up state: `npm run demo`, then pick a scene. The address says everything, for example
// ?scene=call&people=5&width=480&dark&figures
import { signal } from "@preact/signals";
import type { HopFigures, ListenerInfo } from "../src/protocol.js";
import type { Quality } from "../src/quality.js";
import { mountCall, problemFor } from "../src/ui/index.js";
import type { CallActions, CallState, InviteAnswer, KernelPresence, Phase, Tile } from "../src/ui/state.js";
import "../src/ui/style.css";

const SCENES = [
  "lobby",
  "lobby&preview",
  "lobby&problem=permission-denied",
  "lobby&insecure",
  "lobby&invited",
  "lobby&invited=Grace&watch",
  "lobby&problem=relay-unreachable",
  "call&people=1",
  "call&people=2",
  "call&people=3&figures",
  "call&people=3&figures&own=fair&q0=poor&q1=fair",
  "call&people=6",
  "call&people=9",
  "call&people=3&views=2",
  "connecting&people=1",
  "reconnecting&people=3",
  "call&people=3&kernel=gone&problem=kernel-gone",
  "call&people=3&recorded=Ada&watched=Katherine",
  "call&people=3&host-muted",
  "lobby&kernel=gone&problem=lobby-without-kernel",
  "call&people=2&host-muted",
  "left",
  "failed&problem=replaced",
  "failed&problem=removed",
  "failed&problem=room-full",
];
const NAMES = [
  "Ada",
  "Grace",
  "Katherine Coleman Goble Johnson",
  "Élodie",
  "<b>Bobby</b>",
  "Mary",
  "李雷",
  "Noor",
];

const query = new URLSearchParams(location.search);
const scene = query.get("scene") ?? "lobby";
const others = Number(query.get("people") ?? 3) - 1;
const phases: Record<string, Phase> = { lobby: "idle", call: "joined" };
const phase = phases[scene] ?? (scene as Phase);
const problem = query.get("problem");

const shownProblem = signal(problem === null ? null : problemFor(problem));

const state: CallState = {
  phase: signal(phase),
  problem: shownProblem,
  room: signal(query.get("room") ?? "lab"),
  name: signal(query.get("name") ?? "Ada Lovelace"),
  source: signal("camera"),
  microphone: signal(!query.has("muted")),
  camera: signal(!query.has("camera-off")),
  preview: signal(null),
  previewing: signal(query.has("preview") || problem === "permission-denied"),
  level: signal(0.1),
  cameras: signal([{ id: "c1", label: "Built-in camera" }]),
  microphones: signal([{ id: "m1", label: "Built-in microphone" }]),
  cameraId: signal("c1"),
  microphoneId: signal("m1"),
  peopleHere: signal(query.has("nobody") ? [] : ["Grace", "Katherine"]),
  recordersHere: signal((query.get("recorded") ?? "").split(",").filter((name) => name !== "")),
  tiles: signal([]),
  listeners: signal(listeners()),
  ownId: signal("me"),
  kernel: signal((query.get("kernel") ?? "here") as KernelPresence),
  mutedByHost: signal({ audio: query.has("host-muted"), video: query.has("host-muted-video") }),
  relay: signal({
    url: query.has("named") ? "https://relay.example" : null,
    needsToken: query.has("named"),
  }),
  invite: signal(null),
  transport: signal("direct"),
  quality: signal(phase === "joined" ? own(query.get("own") ?? "good") : null),
  canCapture: signal(!query.has("insecure")),
  canShareScreen: signal(true),
  invitation: query.has("invited")
    ? {
        room: "lab",
        name: query.get("invited") || null,
        publish: !query.has("watch"),
        subscribe: true,
        expires_ms: Date.now() + 3_600_000,
      }
    : null,
};

function listeners(): ListenerInfo[] {
  const named = (key: string) => (query.get(key) ?? "").split(",").filter((name) => name !== "");
  return [
    ...named("recorded").map((name) => ({ id: `r ${name}`, name, does: "records" as const, of: null })),
    ...named("watched").map((name) => ({ id: `w ${name}`, name, does: "watches" as const, of: null })),
  ];
}

const actions: CallActions = {
  startPreview: () => {
    state.previewing.value = true;
    state.preview.value = picture(210);
  },
  join: () => {
    state.phase.value = "joined";
    state.preview.value ??= picture(210);
  },
  leave: () => {
    state.phase.value = "left";
  },
  toLobby: () => {
    state.phase.value = "idle";
  },
  setRoom: (room) => {
    state.room.value = room;
  },
  setName: (name) => {
    state.name.value = name;
  },
  setSource: (source) => {
    state.source.value = source;
  },
  setMicrophone: (on) => {
    state.microphone.value = on;
  },
  setCamera: (on) => {
    state.camera.value = on;
  },
  chooseCamera: (id) => {
    state.cameraId.value = id;
  },
  chooseMicrophone: (id) => {
    state.microphoneId.value = id;
  },
  unmute: (key) => {
    state.tiles.value = state.tiles.value.map((tile) =>
      tile.key === key ? { ...tile, silenced: false } : tile,
    );
  },
  askInvite: ({ publish }) => {
    setTimeout(() => {
      state.invite.value = invite(publish);
    }, 300);
  },
  retry: () => {
    shownProblem.value = null;
  },
  dismissProblem: () => {
    shownProblem.value = null;
  },
};

/** A moving picture of a person, more or less. */
function picture(hue: number): MediaStream {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 480];
  const context = canvas.getContext("2d");
  const draw = () => {
    if (context === null) return;
    const sway = Math.sin(performance.now() / 900 + hue) * 12;
    context.fillStyle = `hsl(${hue} 30% 32%)`;
    context.fillRect(0, 0, 640, 480);
    context.fillStyle = `hsl(${hue + 150} 35% 26%)`;
    context.beginPath();
    context.ellipse(320 + sway, 480, 190, 190, 0, 0, 7);
    context.fill();
    context.fillStyle = "#d6a888";
    context.beginPath();
    context.arc(320 + sway * 1.5, 205, 88, 0, 7);
    context.fill();
  };
  draw();
  setInterval(draw, 100);
  return canvas.captureStream(10);
}

/** No link of anybody's; the code is only as large as one. */
function invite(publish: boolean): InviteAnswer {
  if (query.has("refused")) {
    const message =
      "Only the owner of the relay at https://relay.example can make invite links: ask them for one.";
    return { kind: "invite-refused", publish, code: "forbidden", message };
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 69 69"><path d="M0 0h69v69H0z" fill="#fff"/><path stroke="#000" stroke-dasharray="2 1 1 3 1 2" d="${Array.from({ length: 61 }, (_, y) => `M4 ${y + 4.5}h61`).join("")}"/></svg>`;
  return {
    kind: "invite",
    link: `http://127.0.0.1:41234/join#token=${"x".repeat(200)}`,
    qr: `data:image/svg+xml,${encodeURIComponent(svg)}`,
    room: state.room.value,
    name: null,
    publish,
    subscribe: true,
    expires_ms: Date.now() + 3_600_000,
    warning:
      'The relay listens on 127.0.0.1, so this link works on this computer only. For guests elsewhere, make it with the address that they reach the relay by: call.invite_link(url="https://…").',
  };
}

function playing(hue: number): HTMLVideoElement {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, autoplay: true, playsInline: true, srcObject: picture(hue) });
  return video;
}

function tile(index: number): Tile {
  const name = NAMES[index] ?? `Person ${index}`;
  return {
    key: `p${index}/camera`,
    peer: `p${index}`,
    name,
    video: playing(100 + index * 67),
    hasPicture: index !== 1,
    muted: index === 1,
    isScreen: false,
    speaking: index === 0,
    figures: null,
    quality: peer(query.get(`q${index}`) ?? "good", name),
    silenced: query.has("silenced") && index === 0,
    note: index === 5 || (query.has("note") && index < 2) ? "reconnecting…" : null,
  };
}

function own(grade: string): Quality {
  if (grade === "fair") return { grade, words: "Your connection is slow: your picture is sent smaller." };
  if (grade === "poor")
    return { grade, words: "Your connection is slow: pictures of you are left out, your sound goes on." };
  return { grade: "good", words: "Your connection is good." };
}

function peer(grade: string, name: string): Quality {
  if (grade === "fair" || grade === "poor")
    return { grade, words: `${name}'s connection is slow: pictures are left out, the sound goes on.` };
  return { grade: "good", words: `The connection to ${name} is good.` };
}

function hops(total_ms: number): HopFigures {
  return {
    record_p50_ms: 0.22 * total_ms,
    uplink_p50_ms: 2,
    downlink_p50_ms: 4,
    queue_p50_ms: 0.4 * total_ms,
    play_p50_ms: 0.35 * total_ms,
  };
}

/** Figures that look alive; told four times a second, as in a call. */
function measure(tiles: Tile[]): Tile[] {
  return tiles.map((tile, index) => {
    const burst = Math.random() > 0.95;
    const latency_ms = 170 + index * 35 + 25 * Math.sin(performance.now() / 3000 + index) + (burst ? 140 : 0);
    return {
      ...tile,
      figures: {
        queue_depth: burst ? 4 : Math.floor(Math.random() * 3),
        buffered_s: 0.1 + Math.random() * 0.05,
        latency_ms,
        ...(query.has("no-hops") ? {} : hops(latency_ms)),
        stalls: index,
        dropped_frames: 0,
        dropped_groups: 0,
        rate: burst ? 1.1 : 1,
      },
    };
  });
}

document.body.classList.toggle("dark", query.has("dark"));
if (query.has("dark") || query.has("light")) document.body.dataset.jpThemeLight = String(query.has("light"));
document.querySelector("#scenes")?.append(
  ...SCENES.map((name) => {
    const link = document.createElement("a");
    link.href = `?scene=${name}`;
    link.textContent = name;
    return link;
  }),
);
const place = document.querySelector<HTMLElement>("#call");
if (place === null) throw new Error("the page has no #call");
if (query.has("width")) place.style.width = `${query.get("width")}px`;
// As the join page; as an output view and a scrolled output of JupyterLab.
if (query.has("page")) document.body.classList.add("page");
if (query.has("height")) place.style.cssText += `height: ${query.get("height")}px; overflow: auto`;
if (query.has("scrolled")) place.style.cssText += "max-height: 312px; overflow: auto";
if (query.has("bare")) document.querySelector("#scenes")?.remove();

if (phase !== "idle" || query.has("preview")) state.preview.value = picture(210);
if (phase === "joined" || phase === "reconnecting")
  state.tiles.value = Array.from({ length: others }, (_, i) => tile(i));
for (let view = 0; view < Number(query.get("views") ?? 1); view++) {
  const el = document.createElement("div");
  if (!query.has("height") && !query.has("page")) el.style.marginBottom = "12px";
  place.append(el);
  mountCall(el, state, actions);
}
if (!query.has("no-figures")) setInterval(() => (state.tiles.value = measure(state.tiles.value)), 250);
setInterval(() => (state.level.value = Math.random() * 0.3), 100);
if (query.has("invite")) document.querySelector<HTMLElement>('[aria-label="Invite"]')?.click();
if (query.has("figures")) document.querySelector<HTMLElement>('[aria-label="Figures"]')?.click();
// For looking at the page from a test or the console.
Object.assign(window, { callState: state });
