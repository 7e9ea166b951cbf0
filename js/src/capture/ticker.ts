// Ticks at an even rate, also in a hidden tab, where the page's own timers fire once a second or less.

const WORKER = "onmessage=(event)=>setInterval(()=>postMessage(0),event.data)";

interface Ticker {
  ticks: Set<() => void>;
  stop: () => void;
}

/** One worker for each interval, whoever asks for it: a worker costs a thread. */
const tickers = new Map<number, Ticker>();

/** Calls `tick` every `interval_ms`. Returns the way to stop it. */
export function startTicker(interval_ms: number, tick: () => void): () => void {
  const ticker = tickers.get(interval_ms) ?? open(interval_ms);
  ticker.ticks.add(tick);
  return () => {
    if (!ticker.ticks.delete(tick) || ticker.ticks.size > 0) return;
    ticker.stop();
    tickers.delete(interval_ms);
  };
}

function open(interval_ms: number): Ticker {
  const ticker: Ticker = { ticks: new Set(), stop: () => undefined };
  tickers.set(interval_ms, ticker);
  const tickAll = () => {
    for (const tick of [...ticker.ticks]) tick();
  };
  const fallBack = () => {
    const timer = setInterval(tickAll, interval_ms);
    ticker.stop = () => clearInterval(timer);
  };
  try {
    const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
    const worker = new Worker(url);
    ticker.stop = () => worker.terminate();
    worker.onmessage = tickAll;
    // A page's security policy may forbid such workers: an exception in some browsers, this event in others.
    worker.onerror = () => {
      if (ticker.ticks.size > 0) fallBack();
    };
    worker.postMessage(interval_ms);
    URL.revokeObjectURL(url);
  } catch {
    fallBack();
  }
  return ticker;
}
