// Ticks at an even rate, also in a hidden tab, where the page's own timers fire once a second or less.

const WORKER = "onmessage=(event)=>setInterval(()=>postMessage(0),event.data)";

/** Calls `tick` every `interval_ms`. Returns the way to stop it. */
export function startTicker(interval_ms: number, tick: () => void): () => void {
  let stop = (): void => undefined;
  const fallBack = () => {
    const timer = setInterval(tick, interval_ms);
    stop = () => clearInterval(timer);
  };
  try {
    const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
    const worker = new Worker(url);
    stop = () => worker.terminate();
    worker.onmessage = tick;
    // A page's security policy may forbid such workers: an exception in some browsers, this event in others.
    worker.onerror = fallBack;
    worker.postMessage(interval_ms);
    URL.revokeObjectURL(url);
  } catch {
    fallBack();
  }
  return () => stop();
}
