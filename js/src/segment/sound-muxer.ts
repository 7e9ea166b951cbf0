// WebM with one track of Opus, from the blocks of an encoder: the objects a recorder's bytes would be cut into. Every block
// can be decoded by itself, so a group starts wherever we like. Pure.
import { concatenated } from "./bytes.js";
import type { MediaObject } from "./cutter.js";
import { element, float, id, text, uint } from "./ebml-writer.js";
import {
  CLUSTER,
  EBML,
  INFO,
  SEGMENT,
  SIMPLE_BLOCK,
  TIMESTAMP,
  TIMESTAMP_SCALE,
  TRACK_ENTRY,
  TRACK_NUMBER,
  TRACK_TYPE,
  TRACKS,
} from "./webm.js";

/** Who comes late has to catch up with this much at most. */
export const SOUND_GROUP_MS = 1000;

const DOC_TYPE = 0x4282;
const DOC_TYPE_VERSION = 0x4287;
const DOC_TYPE_READ_VERSION = 0x4285;
const MUXING_APP = 0x4d80;
const WRITING_APP = 0x5741;
const TRACK_UID = 0x73c5;
const CODEC_ID = 0x86;
const CODEC_PRIVATE = 0x63a2;
const AUDIO = 0xe1;
const SAMPLING_FREQUENCY = 0xb5;
const CHANNELS = 0x9f;

const SOUND = 2;
/** Opus is decoded at this rate, whatever was encoded (RFC 7845 §5.1). */
const OPUS_RATE_HZ = 48_000;
const KEY = 0x80;
const NAME = "relay-widget";
const UNKNOWN_SIZE = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

export interface SoundFormat {
  /** Opus' identification header (RFC 7845 §5.1). */
  opusHead: Uint8Array;
  channels: number;
}

export class SoundMuxer {
  #format: SoundFormat | null;
  #group = 0;
  #object = 0;
  #groupStart_ms = 0;

  constructor(format: SoundFormat) {
    this.#format = format;
  }

  /** The next block; `time_ms`: where it begins, from the epoch's start. */
  push(time_ms: number, block: Uint8Array): MediaObject[] {
    const objects: MediaObject[] = [];
    if (this.#format !== null) {
      objects.push(object("init", 0, 0, initSegment(this.#format), null));
      this.#format = null;
    }
    const starts = this.#group === 0 || time_ms - this.#groupStart_ms >= SOUND_GROUP_MS;
    if (starts) {
      this.#group += 1;
      this.#object = 0;
      this.#groupStart_ms = Math.round(time_ms);
    }
    const bytes = simpleBlock(Math.round(time_ms) - this.#groupStart_ms, block);
    objects.push(
      object(
        starts ? "key" : "delta",
        this.#group,
        this.#object,
        starts ? concatenated([clusterStart(this.#groupStart_ms), bytes]) : bytes,
        time_ms,
      ),
    );
    this.#object += 1;
    return objects;
  }
}

function object(
  type: MediaObject["type"],
  group: number,
  number: number,
  bytes: Uint8Array,
  mediaTime_ms: number | null,
): MediaObject {
  return { type, group, object: number, bytes, mediaTime_ms, hasVideo: false };
}

function initSegment({ opusHead, channels }: SoundFormat): Uint8Array {
  return concatenated([
    element(EBML, text(DOC_TYPE, "webm"), uint(DOC_TYPE_VERSION, 4), uint(DOC_TYPE_READ_VERSION, 2)),
    Uint8Array.from([...id(SEGMENT), ...UNKNOWN_SIZE]),
    element(INFO, uint(TIMESTAMP_SCALE, 1_000_000), text(MUXING_APP, NAME), text(WRITING_APP, NAME)),
    element(
      TRACKS,
      element(
        TRACK_ENTRY,
        uint(TRACK_NUMBER, 1),
        uint(TRACK_UID, 1),
        uint(TRACK_TYPE, SOUND),
        text(CODEC_ID, "A_OPUS"),
        element(CODEC_PRIVATE, opusHead),
        element(AUDIO, float(SAMPLING_FREQUENCY, OPUS_RATE_HZ), uint(CHANNELS, channels)),
      ),
    ),
  ]);
}

function clusterStart(time_ms: number): Uint8Array {
  return concatenated([Uint8Array.from([...id(CLUSTER), ...UNKNOWN_SIZE]), uint(TIMESTAMP, time_ms)]);
}

function simpleBlock(sinceCluster_ms: number, block: Uint8Array): Uint8Array {
  const header = Uint8Array.from([0x81, sinceCluster_ms >> 8, sinceCluster_ms & 0xff, KEY]);
  return element(SIMPLE_BLOCK, header, block);
}
