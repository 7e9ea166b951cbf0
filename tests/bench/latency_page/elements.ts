// Which elements play, wherever they are: a player may keep its sound outside of the page.

const playing = new Set<HTMLMediaElement>();

/** Before anything plays. */
export function watchElements(): void {
  const { prototype } = HTMLMediaElement;
  const play = prototype.play;
  prototype.play = function (...nothing) {
    playing.add(this);
    return play.apply(this, nothing);
  };
}

/** Those that play a peer's media now, by their `data-peer-id`. */
export function elementsOfPeers(): HTMLMediaElement[] {
  for (const element of playing) if (element.currentSrc === "") playing.delete(element);
  return [...playing].filter((element) => element.dataset.peerId !== undefined);
}
