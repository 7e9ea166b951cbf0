// The code with which another notebook comes into the same room, and which notebooks it works in.
import type { RelayPlace } from "./state.js";

export interface Meeting {
  /** Which notebooks the code works in; ends with a colon. */
  where: string;
  code: string;
  /** What it needs beside; null: nothing. */
  needs: string | null;
}

/** Python takes JSON's strings for its own: the escapes are the same. */
export function meetingIn(room: string, relay: RelayPlace): Meeting {
  if (relay.url === null) {
    return { where: "In another notebook of yours on this computer:", code: call(room), needs: null };
  }
  return {
    where: "In any notebook that reaches this relay:",
    code: call(room, relay.url),
    needs: relay.needsToken ? "with a token of the relay's owner in RELAY_WIDGET_TOKEN" : null,
  };
}

function call(room: string, url?: string): string {
  const at = url === undefined ? "" : `, url=${JSON.stringify(url)}`;
  return `Call(room=${JSON.stringify(room)}${at})`;
}
