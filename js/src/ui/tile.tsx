// One person's tile. Its badge changes four times a second without rendering anything else again.
import { type ReadonlySignal, useComputed } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Figures } from "../protocol.js";
import type { Quality } from "../quality.js";
import { SPEAKING_LEVEL } from "../stats.js";
import { Avatar } from "./avatar.js";
import { Bars } from "./bars.js";
import { Icon } from "./icons.js";
import { figuresSentence, latencyWords } from "./phrases.js";
import { SelfVideo, useOwnPicture } from "./self-video.js";
import { showVideo } from "./shared-video.js";
import type { Source, Tile } from "./state.js";
import { useView } from "./view.js";

const OWN_PICTURE: Record<Source, string> = {
  camera: "You",
  screen: "You · your screen",
  pattern: "You · test picture",
};

export function SelfTile({ column }: { column: number }) {
  const { state } = useView();
  const hasPicture = useOwnPicture();
  const look = useComputed(() =>
    state.microphone.value && state.level.value > SPEAKING_LEVEL ? "rw-tile rw-speaking" : "rw-tile",
  );
  return (
    <li class={look} aria-label="You" style={at(column)}>
      {hasPicture ? (
        <SelfVideo />
      ) : (
        <div class="rw-face">
          <Avatar name={state.name.value || "You"} />
        </div>
      )}
      <NameTag name={OWN_PICTURE[state.source.value]} muted={!state.microphone.value} />
      {state.quality.value !== null && (
        <span class="rw-badge rw-own">
          <Bars quality={state.quality} />
        </span>
      )}
    </li>
  );
}

export function PeerTile({ id, column }: { id: string; column: number }) {
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
    <li class={look} aria-label={name} data-peer={tile.peek().peer} style={at(column)}>
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
      <Badge figures={figures} quality={quality} />
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
    <span class={muted ? "rw-tag rw-muted" : "rw-tag"} title={muted ? `${name} (microphone off)` : name}>
      <Icon name="microphone" off={muted} />
      <span>{name}</span>
    </span>
  );
}

interface BadgeProps {
  figures: ReadonlySignal<Figures | null>;
  quality: ReadonlySignal<Quality | null>;
}

function Badge({ figures, quality }: BadgeProps) {
  const latency = useComputed(() => latencyWords(figures.value?.latency_ms));
  const queue = useComputed(() => (figures.value === null ? "" : ` · ${figures.value.queue_depth}`));
  const title = useComputed(() => figuresSentence(figures.value));
  return (
    <span class="rw-badge" title={title}>
      <Bars quality={quality} />
      {latency}
      <span class="rw-dim">{queue}</span>
    </span>
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

function at(column: number): { gridColumn: string } {
  return { gridColumn: column > 1 ? `${column} / span 2` : "span 2" };
}
