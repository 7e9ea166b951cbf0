// A colour for each person, the same in every view and every session: white text reads on all of them, and
// all of them are seen on light and on dark.
const COLOURS = [
  "#8e5ea2",
  "#2f7ebc",
  "#33895a",
  "#c2601c",
  "#b8436d",
  "#1f8791",
  "#7568c8",
  "#94721a",
  "#bf4d49",
  "#5b7f2b",
] as const;

export function colourOf(name: string): string {
  let hash = 0;
  for (const char of name) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) >>> 0;
  return at(hash);
}

/** A colour for each of these names, no two alike while there are colours left: for lines in one chart. */
export function distinctColours(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const wanted = colourOf(name);
    const free = COLOURS.find((colour) => !taken.has(colour));
    const colour = taken.has(wanted) ? (free ?? wanted) : wanted;
    taken.add(colour);
    return colour;
  });
}

/** Nothing to look at: spaces, format characters (joiners, marks of direction), accents and selectors without a letter. */
const UNSEEN = /^[\s\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Cs}\p{M}\p{Z}\u2800]*/u;

/** The first letter that can be seen, as a person counts letters; never empty. */
export function initialOf(name: string): string {
  // An accent or a selector belongs to the letter before it, so what is unseen is only taken off the front.
  const first = firstLetter(name.replace(UNSEEN, ""));
  return first === "" ? "?" : firstLetter(first.toUpperCase());
}

function firstLetter(text: string): string {
  if (typeof Intl.Segmenter !== "function") return Array.from(text)[0] ?? "";
  const [first] = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text);
  return first?.segment ?? "";
}

function at(index: number): string {
  return COLOURS[index % COLOURS.length] ?? COLOURS[0];
}
