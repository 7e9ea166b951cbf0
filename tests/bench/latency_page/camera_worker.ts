// A camera made in a worker: pictures of a talking head's weight, each with the time it was taken in it. As with a
// real camera, making them costs the page's own thread nothing, and they go on while the page is hidden.
import { drawStamp } from "../../e2e/player_page/stamp.js";

const WIDTH = 640;
const USUAL_HEIGHT = 360;
const RAIN_DROPS = 60;
/** As cameras have it. Exactly 30 a second would keep one phase to the screen's 60, another in each run. */
const PERIOD_MS = 1001 / 30;

interface Order {
  writable: WritableStream<VideoFrame>;
  height?: number;
  restless?: boolean;
}

self.onmessage = ({ data: { writable, height, restless } }: MessageEvent<Order>): void => {
  const canvas = new OffscreenCanvas(WIDTH, height ?? USUAL_HEIGHT);
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (context === null) throw new Error("this browser cannot draw in a worker");
  const writer = writable.getWriter();
  let due_ms = performance.now();
  const tick = (): void => {
    const now_ms = performance.now();
    draw(context, now_ms);
    if (restless) drawRain(context);
    // The time since 1970, because this worker's clock has another zero than the page's.
    drawStamp(context, performance.timeOrigin + now_ms);
    void writer.write(new VideoFrame(canvas, { timestamp: now_ms * 1000, alpha: "discard" }));
    due_ms = Math.max(due_ms + PERIOD_MS, now_ms);
    setTimeout(tick, due_ms - performance.now());
  };
  tick();
};

/** What no encoder can foresee. */
function drawRain(context: OffscreenCanvasRenderingContext2D): void {
  for (let drop = 0; drop < RAIN_DROPS; drop++) {
    context.fillStyle = `hsl(${360 * Math.random()} 60% 50%)`;
    context.fillRect(WIDTH * Math.random(), context.canvas.height * Math.random(), 6, 12);
  }
}

/** A still room in which something as large as a head moves to and fro. */
function draw(context: OffscreenCanvasRenderingContext2D, now_ms: number): void {
  context.fillStyle = "#3b5068";
  context.fillRect(0, 0, WIDTH, context.canvas.height);
  context.fillStyle = "#8a7a66";
  context.fillRect(0, 280, WIDTH, context.canvas.height - 280);
  const sway = 40 * Math.sin(now_ms / 700);
  context.fillStyle = "#c98";
  context.beginPath();
  context.ellipse(WIDTH / 2 + sway, 210, 60, 80 + 4 * Math.sin(now_ms / 150), 0, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = "#2a4";
  context.fillRect(WIDTH / 2 - 110 + sway / 2, 290, 220, 70);
  context.fillStyle = "#411";
  context.fillRect(WIDTH / 2 - 20 + sway, 240, 40, 4 + 8 * Math.abs(Math.sin(now_ms / 110)));
}
