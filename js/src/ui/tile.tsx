// One person's tile. Its badge changes four times a second without rendering anything else again.
import { type ReadonlySignal, useComputed } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Figures } from "../protocol.js";
import type { Quality } from "../quality.js";
import { SPEAKING_LEVEL } from "../stats.js";
import { Avatar } from "./avatar.js";
import { Bars } from "./bars.js";
import { Icon } from "./icons.js";
import { keyOf, withKey } from "./keys.js";
import { WatchedBadge } from "./listeners.js";
import { OwnName } from "./own-name.js";
import { figuresSentence, latencyWords } from "./phrases.js";
import { SelfVideo, useOwnPicture } from "./self-video.js";
import { showVideo } from "./shared-video.js";
import type { Source, Tile } from "./state.js";
import { tip } from "./tips.js";
import { useView } from "./view.js";

/** What one's own tile says beside the name. */
const OWN_PICTURE: Record<Source, string> = {
  camera: "",
  screen: " · your screen",
  pattern: " · test picture",
};
/** The key of one's own tile, where others have their peer's and track's. */
export const OWN_TILE = "self";

/** `column`: null while another tile fills the screen. It stays in the page then, so that it goes on playing. */
interface Place {
  column: number | null;
}

export function SelfTile({ column }: Place) {
  const { state, talking } = useView();
  const hasPicture = useOwnPicture();
  const look = useComputed(() =>
    state.microphone.value && state.level.value > SPEAKING_LEVEL
      ? "rw-tile rw-self rw-speaking"
      : "rw-tile rw-self",
  );
  return (
    <li class={look} aria-label="You" data-tile={OWN_TILE} {...at(column)}>
      {hasPicture ? (
        <SelfVideo />
      ) : (
        <div class="rw-face">
          <Avatar name={state.name.value || "You"} />
        </div>
      )}
      <OwnName
        muted={!state.microphone.value || state.mutedByHost.value.audio}
        note={OWN_PICTURE[state.source.value]}
      />
      <MutedByHost />
      {talking.value && <span class="rw-tile-note rw-talking">Talking while you hold Space</span>}
      <WatchedBadge />
      {state.quality.value !== null && (
        <button type="button" class="rw-badge rw-own" data-tip-press {...tip(state.quality.value.words)}>
          <Bars quality={state.quality} />
        </button>
      )}
      <Enlarge tile={OWN_TILE} name="your own picture" />
    </li>
  );
}

export function PeerTile({ id, column }: Place & { id: string }) {
  const { actions } = useView();
  const tile = useTile(id);
  const name = useComputed(() => tile.value.name).value;
  const video = useComputed(() => tile.value.video).value;
  const hasPicture = useComputed(() => tile.value.hasPicture && tile.value.video !== null).value;
  const isScreen = useComputed(() => tile.value.isScreen).value;
  const muted = useComputed(() => tile.value.muted).value;
  const silenced = useComputed(() => tile.value.silenced).value;
  const note = useComputed(() => tile.value.note).value;
  const figures = useComputed(() => tile.value.figures);
  const quality = useComputed(() => tile.value.quality);
  const look = useComputed(() => (tile.value.speaking ? "rw-tile rw-speaking" : "rw-tile"));
  return (
    <li class={look} aria-label={name} data-tile={id} data-peer={tile.peek().peer} {...at(column)}>
      {video !== null && (
        <PeerVideo video={video} peer={tile.peek().peer} hidden={!hasPicture} whole={isScreen} />
      )}
      {!hasPicture && (
        <div class="rw-face">
          <Avatar name={name} />
          {note !== null && <span class="rw-tile-note">{note}</span>}
        </div>
      )}
      {hasPicture && note !== null && <span class="rw-tile-note">{note}</span>}
      {silenced && (
        <button type="button" class="rw-button rw-hear" onClick={() => actions.unmute(id)}>
          <Icon name="sound" />
          Click to hear
        </button>
      )}
      <NameTag name={isScreen ? `${name} · screen` : name} muted={muted} />
      <WatchedBadge peer={tile.peek().peer} />
      <Badge figures={figures} quality={quality} />
      <Enlarge tile={id} name={isScreen ? `${name}'s screen` : name} />
    </li>
  );
}

/** Hosts the player's own element. It stays in the page (so that it plays) also behind an avatar. */
function PeerVideo(props: { video: HTMLVideoElement; peer: string; hidden: boolean; whole: boolean }) {
  const { mirror } = useView();
  const { video, peer } = props;
  const host = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (host.current === null) return;
    video.dataset.peerId = peer;
    return showVideo(host.current, video, mirror);
  }, [video, peer, mirror]);
  return (
    <div ref={host} class={`rw-video${props.hidden ? " rw-behind" : ""}${props.whole ? " rw-whole" : ""}`} />
  );
}

function NameTag({ name, muted }: { name: string; muted: boolean }) {
  return (
    <span class={muted ? "rw-tag rw-muted" : "rw-tag"} {...tip(muted ? `${name} (microphone off)` : name)}>
      <Icon name="microphone" off={muted} />
      {muted && <span class="rw-unseen">Microphone off: </span>}
      <span class="rw-name">{name}</span>
    </span>
  );
}

/** In words on one's own tile: it is true for as long as the host says so, and nothing of it can be dismissed. */
function MutedByHost() {
  const { audio, video } = useView().state.mutedByHost.value;
  if (!audio && !video) return null;
  return (
    <span class="rw-badge rw-by-host">
      <Icon name="lock" />
      <span class="rw-name">{audio ? "Muted by the host" : "Video stopped by the host"}</span>
    </span>
  );
}

/** Fills the screen with this tile, and ends that. */
function Enlarge({ tile, name }: { tile: string; name: string }) {
  const { fullScreen } = useView();
  if (!fullScreen.possible) return null;
  const fills = fullScreen.shown.value === tile;
  const words = fills ? "End full screen" : `Full screen: ${name}`;
  return (
    <button
      type="button"
      class="rw-enlarge"
      aria-label={words}
      aria-keyshortcuts={keyOf("full-screen").aria}
      onClick={() => fullScreen.toggle(tile)}
      {...tip(withKey(words, "full-screen"))}
    >
      <Icon name={fills ? "reduce" : "enlarge"} />
    </button>
  );
}

interface BadgeProps {
  figures: ReadonlySignal<Figures | null>;
  quality: ReadonlySignal<Quality | null>;
}

function Badge({ figures, quality }: BadgeProps) {
  const latency = useComputed(() => latencyWords(figures.value?.latency_ms));
  const queue = useComputed(() => (figures.value === null ? "" : ` · ${figures.value.queue_depth}`));
  const words = useComputed(() => `${quality.value?.words ?? ""} ${figuresSentence(figures.value)}`.trim());
  return (
    <button type="button" class="rw-badge" data-tip-press data-tip={words}>
      <Bars quality={quality} />
      {latency}
      <span class="rw-dim">{queue}</span>
    </button>
  );
}

/** The tile of a key. When it has gone, the last one, until this component goes too. */
function useTile(key: string): ReadonlySignal<Tile> {
  const { state } = useView();
  const last = useRef<Tile>(GONE);
  return useComputed(() => {
    last.current = state.tiles.value.find((tile) => tile.key === key) ?? last.current;
    return last.current;
  });
}

const GONE: Tile = {
  key: "",
  peer: "",
  name: "",
  video: null,
  hasPicture: false,
  muted: false,
  isScreen: false,
  speaking: false,
  figures: null,
  quality: null,
  silenced: false,
  note: null,
};

function at(column: number | null): { style: string; inert: boolean } {
  if (column === null) return { style: ASIDE, inert: true };
  return { style: `grid-column: ${column > 1 ? `${column} / ` : ""}span 2`, inert: false };
}

/** Not `display: none`: a picture that is not drawn has no latency. */
const ASIDE = "position: absolute; width: 2px; height: 2px; opacity: 0";
