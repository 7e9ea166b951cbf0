// Whether the notebook server passes requests on to the relay, and if not, why not: the one rung that answers.
const ASK_TIMEOUT_MS = 5000;

/** Null if a relay answers by this address (`…/proxy/8765/`). */
export async function askProxy(address: string): Promise<{ code: string; message: string } | null> {
  let answer: Response;
  try {
    const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
    answer = await fetch(new URL("healthz", address), { redirect: "manual", cache: "no-store", signal });
  } catch {
    return { code: "unreachable", message: "The notebook server does not answer." };
  }
  const said = (await answer.json().catch(() => ({}))) as { service?: unknown; code?: unknown };
  if (answer.ok && said.service === "relay-widget") return null;
  if (answer.status === 403 && said.code === "forbidden") {
    return { code: "origin-refused", message: "The relay does not serve pages of this address." };
  }
  if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
    return {
      code: "proxy-login",
      message: "The notebook server wants a login for its proxy: reload the page.",
    };
  }
  if (answer.status === 404) {
    return {
      code: "proxy-missing",
      message:
        "The notebook server has no jupyter-server-proxy: install it there and start the server again.",
    };
  }
  return {
    code: "proxy-failed",
    message: "The notebook server does not reach the relay on its own machine.",
  };
}
