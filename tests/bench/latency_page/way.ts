// One way to bring camera and microphone to a playing element of the same page.

/** Where a relay is and how to get in. */
export interface Ticket {
  url: string;
  token: string;
}

export interface Way {
  /** Capture, send and play. Resolves when something is on its way; the picture comes when it comes. */
  start(): Promise<void>;
  /** The element that shows it, as soon as there is one. */
  readonly video: HTMLVideoElement | null;
  /** Elements that only sound, once it plays. */
  readonly sounds: readonly HTMLMediaElement[];
  /** When capturing began, in ms of this page. */
  readonly captured_ms: number;
  sent_bytes(): Promise<number>;
  /** What it says about itself, for comparison; null if it says nothing. */
  figures(): Record<string, number> | null;
  stop(): Promise<void>;
}
