// Which elements play, wherever they are: a player may keep its sound outside of the page.

const asked = new Set<HTMLMediaElement>();
/** What the sound of an element goes out through, if not by itself. */
const contexts = new WeakMap<HTMLMediaElement, AudioContext>();

/** Before anything plays. */
export function watchElements(): void {
  const { prototype } = HTMLMediaElement;
  const play = prototype.play;
  prototype.play = function (...nothing) {
    asked.add(this);
    return play.apply(this, nothing);
  };
  window.MediaElementAudioSourceNode = class extends MediaElementAudioSourceNode {
    constructor(context: AudioContext, options: MediaElementAudioSourceOptions) {
      super(context, options);
      contexts.set(options.mediaElement, context);
    }
  };
}

/** The media time of what is heard now, s: where the element is, less what is on the way to the ear. By itself it counts
 * that in. */
export function heard_s(element: HTMLMediaElement): number {
  const context = contexts.get(element);
  return element.currentTime - (context === undefined ? 0 : context.baseLatency + context.outputLatency);
}

/** Those that have a peer's media now, by their `data-peer-id`. */
export function elementsOfPeers(): HTMLMediaElement[] {
  return [...asked].filter((element) => element.dataset.peerId !== undefined && element.readyState > 0);
}
