// The ways from a page to the relay, and why one does not carry: the same words in the cell and in the doctor.
import type { Reason, RungName } from "../transport/index.js";

export const WAYS: Readonly<Record<RungName, string>> = {
  url: "given address",
  direct: "relay's port",
  proxy: "via Jupyter",
  tunnel: "via the kernel",
};

/** What can be done about a way that does not carry, where its own sentence does not say so. */
const ADVICE: Readonly<Record<string, string>> = {
  unreachable: "See that the relay runs, and that no firewall, proxy or extension of the browser is between.",
  timeout: "A firewall may be dropping it: try another network, or have the port opened.",
  "mixed-content": "docs/deploy.md shows how.",
  "other-machine": "Install jupyter-server-proxy beside the notebook server, or give a relay's url=.",
  "origin-refused": "Start the relay with --allow-origin and this page's address.",
  "no-tunnel": "See what the kernel's rows say of the relay, and that no cell is running for long.",
  "proxy-failed": "See that the relay runs on the machine of the notebook server.",
};

export function wayAdvice(code: string): string {
  return ADVICE[code] ?? "";
}

/** Why no way carries, in a sentence or two for each: the detail of "relay-unreachable". */
export function whyNone(reasons: readonly Pick<Reason, "rung" | "message">[]): string {
  if (reasons.length === 0) return "";
  const each = reasons.map(({ rung, message }) => `${capital(WAYS[rung])}: ${message}`);
  return [...each, "relay_widget.doctor() in a cell says more."].join(" ");
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
