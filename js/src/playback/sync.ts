// Lip-sync of two elements, one with the picture and one with the sound of a peer. Pure; seconds.
//
// Each says how late it would be by itself; the other may not be so early that it shows. People notice sound that is
// early before sound that is late (ITU-R BT.1359: from 45 ms early, from 125 ms late), so the limits are not the same.

export const MAX_SOUND_LATE_S = 0.035;
export const MAX_SOUND_EARLY_S = 0.02;

/** The least latency of the picture beside this sound. */
export function leastLatencyBesideSound(sound_s: number): number {
  return sound_s - MAX_SOUND_LATE_S;
}

/** The least latency of the sound beside this picture. */
export function leastLatencyBesidePicture(picture_s: number): number {
  return picture_s - MAX_SOUND_EARLY_S;
}
