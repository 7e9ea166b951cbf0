// The test card: drawn once, then only what moves is drawn again, so that a frame costs next to nothing.

export const WIDTH = 640;
export const HEIGHT = 480;

const CENTRE_X = WIDTH / 2;
const CENTRE_Y = HEIGHT / 2;
const RADIUS = 196;
const RING = 208;
const RING_WIDTH = 10;
const CELL = 40;
const TAU = 2 * Math.PI;
/** How much of the ring the sweep's tail covers. */
const TAIL = TAU / 6;

const INK = "#0b0c0e";
const PAPER = "#f2f3f5";
const GROUND = "#6d7178";
const LINE = "rgba(255, 255, 255, 0.28)";
const ACCENT = "#ffb000";
const BARS = ["#c0c000", "#00c0c0", "#00c000", "#c000c0", "#c00000", "#0000c0"]; // 75 % amplitude
const SANS = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif";
const MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace";

/** Horizontal bands inside the circle, top to bottom: [y, height]. */
const BAND = {
  name: [44, 62],
  bars: [106, 84],
  chequer: [190, 20],
  clock: [210, 60],
  burst: [270, 58],
  greys: [328, 54],
  note: [382, 54],
} as const;

type Context = CanvasRenderingContext2D;

export class TestCard {
  #second = "";

  constructor(
    private readonly context: Context,
    name: string,
  ) {
    drawGround(context);
    drawCorners(context);
    context.save();
    context.beginPath();
    context.arc(CENTRE_X, CENTRE_Y, RADIUS, 0, TAU);
    context.clip();
    context.fillStyle = INK;
    context.fillRect(CENTRE_X - RADIUS, CENTRE_Y - RADIUS, 2 * RADIUS, 2 * RADIUS);
    drawName(context, name);
    drawBars(context);
    drawChequer(context);
    drawBurst(context);
    drawGreys(context);
    drawNote(context);
    context.restore();
    context.strokeStyle = PAPER;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(CENTRE_X, CENTRE_Y, RADIUS, 0, TAU);
    context.stroke();
  }

  /** What moves: the clock, and the sweep that goes round once a second. */
  drawTime(now: Date): void {
    this.#drawSweep(now.getMilliseconds() / 1000);
    this.#drawClock(now);
  }

  #drawSweep(turn: number): void {
    const { context } = this;
    context.lineWidth = RING_WIDTH;
    context.lineCap = "butt";
    context.strokeStyle = "#26282c";
    arc(context, 0, TAU);
    const end = turn * TAU - TAU / 4;
    const steps = 4;
    for (let step = 1; step <= steps; step += 1) {
      context.strokeStyle = `rgba(255, 176, 0, ${(step / steps) ** 2 * 0.7})`;
      arc(context, end - TAIL * (1 - (step - 1) / steps), end - TAIL * (1 - step / steps));
    }
    context.strokeStyle = ACCENT;
    arc(context, end - 0.05, end);
  }

  #drawClock(now: Date): void {
    const { context } = this;
    const [y, height] = BAND.clock;
    const second = [now.getHours(), now.getMinutes(), now.getSeconds()].map(twoDigits).join(":");
    context.font = `600 42px ${MONO}`;
    context.textBaseline = "middle";
    context.textAlign = "left";
    const digit = context.measureText("0").width;
    const left = CENTRE_X - 6 * digit;
    const middle = y + height / 2 + 2;
    if (second !== this.#second) {
      this.#second = second;
      context.fillStyle = INK;
      context.fillRect(CENTRE_X - RADIUS + 6, y, 2 * RADIUS - 12, height);
      context.fillStyle = PAPER;
      context.fillText(second, left, middle);
    }
    context.fillStyle = INK;
    context.fillRect(left + 8 * digit, y, 4 * digit, height);
    context.fillStyle = ACCENT;
    context.fillText(`.${String(now.getMilliseconds()).padStart(3, "0")}`, left + 8 * digit, middle);
  }
}

function arc(context: Context, from: number, to: number): void {
  context.beginPath();
  context.arc(CENTRE_X, CENTRE_Y, RING, from, to);
  context.stroke();
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

function drawGround(context: Context): void {
  context.fillStyle = GROUND;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.fillStyle = LINE;
  for (let x = CELL; x < WIDTH; x += CELL) context.fillRect(x - 1, 0, 2, HEIGHT);
  for (let y = CELL; y < HEIGHT; y += CELL) context.fillRect(0, y - 1, WIDTH, 2);
  // Castellations: they show whether the picture's edge is cut off.
  for (let x = 0, index = 0; x < WIDTH; x += CELL, index += 1) {
    context.fillStyle = index % 2 === 0 ? PAPER : INK;
    context.fillRect(x, 0, CELL, 10);
    context.fillRect(WIDTH - CELL - x, HEIGHT - 10, CELL, 10);
  }
  for (let y = 0, index = 0; y < HEIGHT; y += CELL, index += 1) {
    context.fillStyle = index % 2 === 0 ? PAPER : INK;
    context.fillRect(0, y, 10, CELL);
    context.fillRect(WIDTH - 10, HEIGHT - CELL - y, 10, CELL);
  }
}

/** Colour-difference patches beside the circle and small circles in the corners: colour and geometry far out. */
function drawCorners(context: Context): void {
  const patches = ["#5f8a6b", "#8a5f86", "#86805a", "#5a6f8a"];
  for (const [index, colour] of patches.entries()) {
    context.fillStyle = colour;
    context.fillRect(
      index % 2 === 0 ? CELL : WIDTH - 2 * CELL,
      index < 2 ? 3 * CELL : 7 * CELL,
      CELL,
      2 * CELL,
    );
  }
  context.strokeStyle = PAPER;
  context.lineWidth = 2;
  for (const x of [2 * CELL, WIDTH - 2 * CELL]) {
    for (const y of [2 * CELL, HEIGHT - 2 * CELL]) {
      context.beginPath();
      context.arc(x, y, CELL - 1, 0, TAU);
      context.stroke();
    }
  }
}

function drawName(context: Context, name: string): void {
  const [y, height] = BAND.name;
  const width = 236; // of the circle at this height
  context.fillStyle = PAPER;
  context.textAlign = "center";
  context.textBaseline = "middle";
  let size = 30;
  const font = () => `600 ${size}px ${SANS}`;
  context.font = font();
  while (size > 14 && context.measureText(name).width > width) {
    size -= 2;
    context.font = font();
  }
  let text = name;
  while (text.length > 1 && context.measureText(text).width > width) text = `${text.slice(0, -2)}…`;
  context.fillText(text, CENTRE_X, y + height / 2 + 6);
}

function drawBars(context: Context): void {
  const [y, height] = BAND.bars;
  const width = (2 * RADIUS) / BARS.length;
  for (const [index, colour] of BARS.entries()) {
    context.fillStyle = colour;
    context.fillRect(CENTRE_X - RADIUS + index * width, y, width + 1, height);
  }
}

function drawChequer(context: Context): void {
  const [y, height] = BAND.chequer;
  context.fillStyle = PAPER;
  for (let x = CENTRE_X - RADIUS, index = 0; x < CENTRE_X + RADIUS; x += 28, index += 1) {
    if (index % 2 === 0) context.fillRect(x, y, 28, height);
  }
}

/** Lines that get finer: what the encoder makes of detail. */
function drawBurst(context: Context): void {
  const [y, height] = BAND.burst;
  const pitches = [24, 20, 16, 12, 8, 6];
  const width = (2 * RADIUS) / pitches.length;
  for (const [index, pitch] of pitches.entries()) {
    const left = CENTRE_X - RADIUS + index * width;
    context.fillStyle = "#7d8188";
    context.fillRect(left, y, width + 1, height);
    context.fillStyle = "#e4e6e9";
    for (let x = 0; x + pitch / 2 <= width; x += pitch)
      context.fillRect(Math.round(left + x), y, pitch / 2, height);
  }
}

function drawGreys(context: Context): void {
  const [y, height] = BAND.greys;
  const steps = 8;
  const width = (2 * RADIUS) / steps;
  for (let index = 0; index < steps; index += 1) {
    const level = Math.round((255 * index) / (steps - 1));
    context.fillStyle = `rgb(${level}, ${level}, ${level})`;
    context.fillRect(CENTRE_X - RADIUS + index * width, y, width + 1, height);
  }
}

function drawNote(context: Context): void {
  const [y] = BAND.note;
  context.fillStyle = INK;
  context.fillRect(CENTRE_X - RADIUS, y, 2 * RADIUS, RADIUS);
  context.fillStyle = "#a4a8af";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `500 15px ${SANS}`;
  context.letterSpacing = "2px";
  context.fillText("TEST PATTERN", CENTRE_X, y + 22);
  context.letterSpacing = "0px";
}
