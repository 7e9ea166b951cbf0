// An SVG out of a notebook, made harmless before it is put into the page: only shapes and text, no links, no
// scripts, no styles.

const ELEMENTS = new Set(["svg", "title", "g", "path", "rect", "circle", "text"]);
const ATTRIBUTES = new Set(
  (
    "xmlns viewBox width height role font-family font-size font-weight fill fill-opacity opacity stroke " +
    "stroke-width stroke-opacity stroke-dasharray stroke-linejoin text-anchor transform d x y rx r cx cy"
  ).split(" "),
);

/** Null if it is no SVG. */
export function safeSvg(source: string): SVGElement | null {
  const root = new DOMParser().parseFromString(source, "image/svg+xml").documentElement;
  if (root.nodeName !== "svg") return null;
  for (const element of [root, ...root.querySelectorAll("*")]) {
    if (!ELEMENTS.has(element.nodeName)) element.remove();
    for (const { name, value } of [...element.attributes]) {
      if (!ATTRIBUTES.has(name) || /url\s*\(/i.test(value)) element.removeAttribute(name);
    }
  }
  return document.importNode(root as Element, true) as SVGElement;
}
