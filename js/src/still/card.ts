// The card: a drawing, a sentence and, of a lab, its last chart. It is written into notebooks, so it brings its looks
// along, stays a few kilobytes and needs nothing. Room names and charts may come from somebody else's notebook.
import { safeSvg } from "./safe-svg.js";
import type { Picture, Words } from "./words.js";

const CARD =
  "box-sizing:border-box;display:flex;flex-wrap:wrap;align-items:center;gap:10px 14px;margin:0;max-width:760px;" +
  "padding:12px 14px;border-radius:8px;border:1px solid var(--jp-border-color2,#8884);" +
  "color:var(--jp-ui-font-color1,inherit);overflow-wrap:anywhere;" +
  "font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);font-variant-numeric:tabular-nums";

/** Drawn, never taken: nobody's picture is saved with a notebook. */
const DRAWINGS: Record<Picture, string> = {
  call:
    person(6, 7, "#4c8bf5") +
    person(46, 7, "#8a63d2") +
    '<rect x="33" y="42" width="20" height="7" rx="3.5" fill="#d94a4a"/>',
  lab:
    '<path d="M8 44L20 38L32 40L44 28L56 31L78 18V48H8Z" fill="#5e9ad6" fill-opacity=".55"/>' +
    '<path d="M8 40L20 30L32 33L44 18L56 22L78 9" fill="none" stroke="#c879a8" stroke-width="2.5"/>',
  doctor:
    '<path d="M14 17L18 21L25 13M14 34L18 38L25 30" fill="none" stroke="#3d9268" stroke-width="2.5"/>' +
    '<path d="M33 18H72M33 35H60" stroke="#8a93a3" stroke-width="3"/>',
  invite:
    '<path d="M22 8h14v14h-14zM50 8h14v14h-14zM22 34h14v14h-14z" fill="none" stroke="#8a93a3" stroke-width="4"/>' +
    '<path d="M50 33h6v6h-6zM59 33h6v6h-6zM50 43h6v6h-6zM59 43h6v6h-6z" fill="#8a93a3"/>',
};

function person(x: number, y: number, colour: string): string {
  return (
    `<g transform="translate(${x} ${y})"><rect width="34" height="30" rx="4" fill="${colour}" fill-opacity=".28"/>` +
    `<circle cx="17" cy="12" r="5" fill="${colour}"/>` +
    `<path d="M7 27C7 21 12 19 17 19C22 19 27 21 27 27Z" fill="${colour}"/></g>`
  );
}

/** Put the card into `el`, instead of what is there. */
export function showCard(el: HTMLElement, still: { words: Words; closed: boolean; svg: string }): void {
  const { words, closed } = still;
  const card = document.createElement("figure");
  card.className = "relay-widget-still";
  card.style.cssText = CARD;
  const drawing = safeSvg(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 86 56" width="86" height="56">${DRAWINGS[words.picture] ?? ""}</svg>`,
  );
  if (drawing !== null) {
    drawing.setAttribute("aria-hidden", "true");
    drawing.style.cssText = "flex:none;border-radius:6px;background:var(--jp-layout-color2,#8881)";
    if (closed) drawing.style.filter = "grayscale(1)";
    card.append(drawing);
  }
  const caption = document.createElement("figcaption");
  caption.style.cssText = "flex:1 1 200px;min-width:0";
  const title = document.createElement("b");
  title.style.display = "block";
  title.textContent = words.title;
  const sentence = document.createElement("span");
  sentence.style.color = "var(--jp-ui-font-color2,inherit)";
  sentence.textContent = closed ? words.closed : words.saved;
  caption.append(title, sentence);
  card.append(caption);
  const chart = still.svg === "" ? null : safeSvg(still.svg);
  if (chart !== null) {
    chart.style.cssText = "display:block;flex:0 0 100%;width:100%;height:auto";
    card.append(chart);
  }
  el.replaceChildren(card);
}
