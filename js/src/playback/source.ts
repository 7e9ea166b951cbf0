// A MediaSource with one SourceBuffer on a <video>, from opening to detaching.

export interface SourceEvents {
  onOpen(buffer: SourceBuffer): void;
  onUpdateEnd(): void;
  /** It can take no more; only a new source helps. */
  onError(reason: string): void;
}

interface ManagedScope {
  ManagedMediaSource?: typeof MediaSource;
}

/** iPhones have ManagedMediaSource only. */
function mediaSourceClass(): typeof MediaSource | undefined {
  if (typeof MediaSource !== "undefined") return MediaSource;
  return (globalThis as ManagedScope).ManagedMediaSource;
}

export function canPlay(mimeType: string): boolean {
  return mediaSourceClass()?.isTypeSupported(mimeType) ?? false;
}

/** Give the element a new source (taking the place of the one it has). Returns what detaches it again. */
export function openSource(video: HTMLMediaElement, mimeType: string, events: SourceEvents): () => void {
  const Source = mediaSourceClass();
  if (Source === undefined) throw new Error("This browser has no Media Source Extensions.");
  if (typeof MediaSource === "undefined") video.disableRemotePlayback = true; // ManagedMediaSource wants it
  const source = new Source();
  const detached = new AbortController();
  const { signal } = detached;
  const url = URL.createObjectURL(source);
  source.addEventListener(
    "sourceopen",
    () => {
      URL.revokeObjectURL(url);
      let buffer: SourceBuffer;
      try {
        buffer = source.addSourceBuffer(mimeType);
      } catch (error) {
        events.onError(error instanceof Error ? error.message : String(error));
        return;
      }
      buffer.addEventListener("updateend", () => events.onUpdateEnd(), { signal });
      buffer.addEventListener("error", () => events.onError("the SourceBuffer refused the media"), {
        signal,
      });
      events.onOpen(buffer);
    },
    { signal, once: true },
  );
  video.addEventListener(
    "error",
    () => events.onError(video.error?.message || "the media cannot be decoded"),
    {
      signal,
    },
  );
  video.src = url;
  return () => {
    detached.abort();
    URL.revokeObjectURL(url);
  };
}
