// The link that opened the join page: `/join#token=…`. What its token allows is read to be shown, not verified: the
// relay decides.
import { tidy } from "../tidy.js";
import type { Invitation } from "../ui/state.js";

/**
 * The token of this page's address, which is taken out of it: an address is looked at, copied and kept. It stays with this
 * entry of the tab's history, so that a reload finds it; no other page of the same site can read it there, as it could
 * in a storage (below a hub, other people's pages are of the same site).
 */
export function takeToken(
  location: Pick<Location, "hash" | "pathname" | "search">,
  history: Pick<History, "state" | "replaceState">,
): string | null {
  // A mail or a chat may have broken the link into lines.
  const given = new URLSearchParams(location.hash.slice(1)).get("token")?.replace(/\s/gu, "");
  if (given) {
    history.replaceState({ token: given }, "", location.pathname + location.search);
    return given;
  }
  const kept = (history.state as { token?: unknown } | null)?.token;
  return typeof kept === "string" ? kept : null;
}

/** Null: that is no token at all. */
export function readInvitation(token: string): Invitation | null {
  try {
    const claims = JSON.parse(decoded(token.split(".")[1] ?? "")) as Record<string, unknown>;
    if (typeof claims !== "object" || claims === null || typeof claims.exp !== "number") return null;
    const text = (value: unknown) => (typeof value === "string" ? tidy(value) || null : null);
    const room = text(claims.room);
    return {
      room: room?.endsWith("*") ? null : room,
      name: text(claims.name),
      publish: claims.publish !== false,
      subscribe: claims.subscribe !== false,
      expires_ms: claims.exp * 1000,
    };
  } catch {
    return null;
  }
}

function decoded(base64url: string): string {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return new TextDecoder().decode(Uint8Array.from(binary, (char) => char.charCodeAt(0)));
}
