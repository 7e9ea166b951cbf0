// Which recording format this browser can make and everybody in the room can play. Pure.

interface Format {
  video: boolean;
  audio: boolean;
  /** What a MediaRecorder is asked for, and what a MediaSource is. Only the second travels. */
  record: string;
  play: string;
}

/** Best first. VP8 in WebM has the lowest delay and load; MP4 comes in whole groups, but is all Safari has. */
const VIDEO_FORMATS: readonly { container: string; video: string; recordVideo?: string; audio: string }[] = [
  { container: "webm", video: "vp8", audio: "opus" },
  { container: "webm", video: "vp9", audio: "opus" },
  { container: "webm", video: "avc1.42E01E", recordVideo: "h264", audio: "opus" },
  { container: "mp4", video: "avc1.42E01E", audio: "mp4a.40.2" },
  { container: "mp4", video: "avc1.42E01E", audio: "opus" },
];
const AUDIO_FORMATS: readonly { container: string; audio: string }[] = [
  { container: "webm", audio: "opus" },
  { container: "mp4", audio: "mp4a.40.2" },
  { container: "mp4", audio: "opus" },
];

const FORMATS: readonly Format[] = [
  ...VIDEO_FORMATS.map(({ container, video, recordVideo = video, audio }) => ({
    video: true,
    audio: true,
    record: `video/${container};codecs=${recordVideo},${audio}`,
    play: `video/${container};codecs=${video},${audio}`,
  })),
  ...VIDEO_FORMATS.map(({ container, video, recordVideo = video }) => ({
    video: true,
    audio: false,
    record: `video/${container};codecs=${recordVideo}`,
    play: `video/${container};codecs=${video}`,
  })),
  ...AUDIO_FORMATS.map(({ container, audio }) => ({
    video: false,
    audio: true,
    record: `audio/${container};codecs=${audio}`,
    play: `audio/${container};codecs=${audio}`,
  })),
];

/** Every MIME type this browser may be sent, for the join message (which takes 16). */
export function playableTypes(isTypeSupported: (mimeType: string) => boolean): string[] {
  return [...new Set(FORMATS.map((format) => format.play))].filter(isTypeSupported);
}

/**
 * The MIME type to publish and record with, or null when there is none for everybody.
 *
 * `plays` holds the others' playable types; an empty list is a peer that did not say, who takes what comes.
 */
export function chooseMimeType(wanted: {
  video: boolean;
  audio: boolean;
  canRecord: (mimeType: string) => boolean;
  plays: readonly (readonly string[])[];
}): string | null {
  const format = FORMATS.find(
    ({ video, audio, record, play }) =>
      video === wanted.video &&
      audio === wanted.audio &&
      wanted.canRecord(record) &&
      wanted.plays.every((types) => types.length === 0 || types.includes(play)),
  );
  return format?.play ?? null;
}

/** What this browser can make and what it can play, as MIME types that are published. */
export function ownTypes(browser: {
  canRecord: (mimeType: string) => boolean;
  canPlay: (mimeType: string) => boolean;
}): { records: string[]; plays: string[] } {
  const records = FORMATS.filter((format) => browser.canRecord(format.record)).map((format) => format.play);
  return { records: [...new Set(records)], plays: playableTypes(browser.canPlay) };
}

/** What to ask a MediaRecorder for, to get a published MIME type. */
export function recordingType(mimeType: string): string {
  return FORMATS.find((format) => format.play === mimeType)?.record ?? mimeType;
}
