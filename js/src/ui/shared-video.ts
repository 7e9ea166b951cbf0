// One playing element, several views of one model: an element can be in one place only. One view holds it, the
// others show a live copy; when the holder goes, another view takes the element over.

interface Slot {
  host: HTMLElement;
  /** This view never takes the element itself. */
  copyOnly: boolean;
  copy: Copy | null;
}

interface Sharing {
  slots: Slot[];
  holder: Slot | null;
}

interface Copy {
  element: HTMLElement;
  stop(): void;
}

const shared = new WeakMap<HTMLVideoElement, Sharing>();

/** Show `video` inside `host`, itself or as a copy. Returns how to stop that. */
export function showVideo(host: HTMLElement, video: HTMLVideoElement, copyOnly = false): () => void {
  const sharing = shared.get(video) ?? { slots: [], holder: null };
  shared.set(video, sharing);
  const slot: Slot = { host, copyOnly, copy: null };
  sharing.slots.push(slot);
  settle(video, sharing);
  return () => {
    sharing.slots = sharing.slots.filter((other) => other !== slot);
    slot.copy?.stop();
    slot.copy?.element.remove();
    slot.copy = null;
    if (sharing.holder === slot) {
      sharing.holder = null;
      settle(video, sharing);
      if (host.contains(video)) video.remove();
    } else {
      settle(video, sharing);
    }
  };
}

/** Give the element to one slot and a copy to every other. */
function settle(video: HTMLVideoElement, sharing: Sharing): void {
  const held = sharing.holder;
  const able = sharing.slots.filter((slot) => !slot.copyOnly);
  // A view that JupyterLab has scrolled out of the page keeps the element only while nobody else can show it.
  const holder = held?.host.isConnected
    ? held
    : (able.find((slot) => slot.host.isConnected) ?? held ?? able[0]);
  sharing.holder = holder ?? null;
  if (holder !== undefined) {
    holder.copy?.stop();
    holder.copy?.element.remove();
    holder.copy = null;
    if (video.parentNode !== holder.host) holder.host.append(video);
  }
  for (const slot of sharing.slots) {
    if (slot === holder || slot.copy !== null) continue;
    slot.copy = copyOf(video);
    slot.host.append(slot.copy.element);
  }
}

interface Capturable {
  captureStream?: () => MediaStream;
}

function copyOf(video: HTMLVideoElement): Copy {
  const stream = (video as Capturable).captureStream?.();
  const copy = stream === undefined ? drawnCopy(video) : streamedCopy(stream, video.srcObject === null);
  // Hooks for those who look for a peer's picture; the same as on the element itself.
  const peer = video.dataset.peerId;
  if (peer !== undefined) copy.element.dataset.peerId = peer;
  copy.element.dataset.copy = "";
  return copy;
}

/** `ownTracks`: of media with a source of its own. Of an element that shows a stream, Chromium captures that
 * stream's very tracks: to stop those would stop the picture itself. */
function streamedCopy(stream: MediaStream, ownTracks: boolean): Copy {
  const element = document.createElement("video");
  element.muted = true;
  element.playsInline = true;
  element.autoplay = true;
  element.srcObject = stream;
  return {
    element,
    stop() {
      if (ownTracks) for (const track of stream.getTracks()) track.stop();
      element.srcObject = null;
    },
  };
}

/** For browsers that cannot capture an element (Safari, and Firefox, where capturing takes its sound away). */
function drawnCopy(video: HTMLVideoElement): Copy {
  const element = document.createElement("canvas");
  const context = element.getContext("2d");
  let request = 0;
  const draw = () => {
    if (element.width !== video.videoWidth) element.width = video.videoWidth;
    if (element.height !== video.videoHeight) element.height = video.videoHeight;
    context?.drawImage(video, 0, 0);
    request = video.requestVideoFrameCallback(draw);
  };
  request = video.requestVideoFrameCallback(draw);
  return { element, stop: () => video.cancelVideoFrameCallback(request) };
}
