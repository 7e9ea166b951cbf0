// The own picture, in the lobby and in the own tile.
import { useComputed, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { useView, type View } from "./view.js";

/** There is a picture of oneself to show. */
export function useOwnPicture(): boolean {
  const { state } = useView();
  return useComputed(() => {
    const hasVideo = (state.preview.value?.getVideoTracks().length ?? 0) > 0;
    return hasVideo && (state.camera.value || state.source.value === "screen");
  }).value;
}

export function SelfVideo() {
  const { state }: View = useView();
  const video = useRef<HTMLVideoElement>(null);
  useSignalEffect(() => {
    const element = video.current;
    if (element !== null && element.srcObject !== state.preview.value)
      element.srcObject = state.preview.value;
  });
  const look = useComputed(() => {
    switch (state.source.value) {
      case "camera":
        return "rw-mirrored"; // people know themselves from mirrors; nothing else is turned round
      case "screen":
        return "rw-whole";
      default:
        return "";
    }
  });
  return <video ref={video} data-self="" class={look} autoplay muted playsInline />;
}
