// The join page: a call without a notebook, for whoever has a link. The relay serves it (server/join.py).

import { CallController } from "../call.js";
import { playableTypes } from "../capture/index.js";
import { canPlay } from "../playback/index.js";
import { MAX_TIMER_MS } from "../time.js";
import { mountCall } from "../ui/index.js";
import type { Invitation } from "../ui/state.js";
import { readInvitation, takeToken } from "./invitation.js";
import { PageLink } from "./page-link.js";

/** What a link allows that is none. */
const NOTHING: Invitation = { room: null, name: null, publish: false, subscribe: false, expires_ms: null };

/** Show the call that this page's link invites to inside `el`. */
export function mountPage(el: HTMLElement): void {
  const token = takeToken(location, history);
  const invitation = token === null ? null : readInvitation(token);
  const link = new PageLink(token ?? "", new URL(".", location.href).href, invitation ?? NOTHING);
  const call = new CallController(link, { invitation: invitation ?? NOTHING });
  el.replaceChildren();
  mountCall(el, call.state, call.actions);
  call.viewOpened();

  // Another link opened in this tab changes the fragment only.
  addEventListener("hashchange", () => location.reload());
  // A page that the browser had put aside has left the call.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  if (invitation === null) link.closeDoor(token === null ? "no-link" : "bad-token");
  else if (invitation.subscribe && playableTypes(canPlay).length === 0) link.closeDoor("mse-missing");
  else void closeWhenExpired(link, invitation);
  if (invitation?.room) document.title = `Call in “${invitation.room}”`;
}

/** Say that a link has expired before somebody tries it. The relay decides, so its clock is asked, not this one. */
async function closeWhenExpired(link: PageLink, { expires_ms }: Invitation): Promise<void> {
  const now_ms = await relayTime_ms();
  if (now_ms === null || expires_ms === null || expires_ms - now_ms > MAX_TIMER_MS) return;
  setTimeout(() => link.closeDoor("expired-token"), Math.max(expires_ms - now_ms, 0));
}

/** To a second; null if it does not say. */
async function relayTime_ms(): Promise<number | null> {
  try {
    const answer = await fetch("healthz", { cache: "no-store" });
    const date_ms = Date.parse(answer.headers.get("Date") ?? "");
    return answer.ok && !Number.isNaN(date_ms) ? date_ms : null;
  } catch {
    return null;
  }
}
