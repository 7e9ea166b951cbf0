// Which elements play, wherever they are: a player may keep its sound outside of the page.

const asked = new Set<HTMLMediaElement>();

/** Before anything plays. */
export function watchElements(): void {
  const { prototype } = HTMLMediaElement;
  const play = prototype.play;
  prototype.play = function (...nothing) {
    asked.add(this);
    return play.apply(this, nothing);
  };
}

/** Those that have a peer's media now, by their `data-peer-id`. */
export function elementsOfPeers(): HTMLMediaElement[] {
  return [...asked].filter((element) => element.dataset.peerId !== undefined && element.readyState > 0);
}
