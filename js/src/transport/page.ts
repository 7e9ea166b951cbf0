// Where this page was loaded from, and so which rungs it can stand on, best first. Pure but for `thisPage`.
import type { RungName, Ticket } from "./index.js";

export interface PageAddress {
  /** The page's own address. */
  href: string;
  /** The base URL of the notebook server that serves it, as its configuration says; null if none does. */
  baseUrl: string | null;
}

/** A rung to try, or why it cannot be tried from this page at all. */
export type Candidate =
  | { rung: RungName; address: string }
  | { rung: RungName; code: string; message: string };

/** JupyterLab, Notebook 7 and Voilà say it in one script element, the classic notebook in the body's data. */
export function thisPage(): PageAddress {
  const config = document.getElementById("jupyter-config-data")?.textContent;
  return { href: location.href, baseUrl: baseUrlOf(config ?? null) ?? document.body.dataset.baseUrl ?? null };
}

export function baseUrlOf(config: string | null): string | null {
  if (config === null) return null;
  try {
    const { baseUrl } = JSON.parse(config) as { baseUrl?: unknown };
    return typeof baseUrl === "string" && baseUrl !== "" ? baseUrl : null;
  } catch {
    return null; // somebody else's element of that name
  }
}

/** The rungs for this page and this ticket, in the order of preference.
 *
 * The notebook server's own address comes first, because where the notebook has come through the call comes through:
 * it has the page's scheme and passes every proxy before it. On one machine, where page and relay are both at loopback
 * addresses, the relay's port does, and spares the notebook server the work and the call the detour. A page that was
 * loaded from elsewhere does not try a loopback address: what answers there is on another machine than the relay, it is
 * not to get the token, and browsers ask the user before they let a page look. */
export function candidates({ url, explicit, tunnel }: Ticket, page: PageAddress): Candidate[] {
  const last: Candidate[] = tunnel ? [{ rung: "tunnel", address: url }] : [];
  const here = new URL(page.href);
  if (explicit) return [reachable("url", url, here), ...last];
  const direct = directly(url, here);
  const proxy = proxied(url, page);
  const oneMachine = isLoopback(here.hostname) && isLoopback(new URL(url).hostname);
  return oneMachine ? [direct, proxy, ...last] : [proxy, direct, ...last];
}

function proxied(url: string, page: PageAddress): Candidate {
  const rung = "proxy";
  if (page.baseUrl === null) {
    return {
      rung,
      code: "no-server",
      message: "This page does not say which notebook server it comes from.",
    };
  }
  const { protocol, port } = new URL(url);
  const prefix = page.baseUrl.endsWith("/") ? page.baseUrl : `${page.baseUrl}/`;
  const base = new URL(prefix, page.href);
  if (base.origin !== new URL(page.href).origin) {
    return { rung, code: "other-origin", message: "The notebook server has another address than this page." };
  }
  if (protocol !== "http:") {
    return {
      rung,
      code: "relay-tls",
      message: "The relay speaks TLS, the notebook server's proxy does not.",
    };
  }
  return { rung, address: new URL(`proxy/${port || "80"}/`, base).href };
}

function directly(url: string, here: URL): Candidate {
  const isWeb = here.protocol === "http:" || here.protocol === "https:";
  if (isWeb && !isLoopback(here.hostname) && isLoopback(new URL(url).hostname)) {
    const message = "The relay listens on the kernel's machine only, and this page comes from elsewhere.";
    return { rung: "direct", code: "other-machine", message };
  }
  return reachable("direct", url, here);
}

function reachable(rung: RungName, url: string, here: URL): Candidate {
  const { protocol, hostname } = new URL(url);
  if (here.protocol === "https:" && protocol === "http:" && !isLoopback(hostname)) {
    const message = "A page from https:// may not use a relay at http://: give the relay TLS.";
    return { rung, code: "mixed-content", message };
  }
  return { rung, address: url };
}

export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(\.\d{1,3}){3}$/.test(hostname)
  );
}
