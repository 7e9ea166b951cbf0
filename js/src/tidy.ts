// One form for the names that look the same: the twin of src/relay_widget/tidy.py, which says from what this is taken.
// tests/vectors/names.json holds both to the same results.

const TEXT_EMOJI =
  String.raw`\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9-\u21aa\u2328\u23cf\u23ed-\u23ef\u23f1-\u23f2` +
  String.raw`\u23f8-\u23fa\u24c2\u25aa-\u25ab\u25b6\u25c0\u25fb-\u25fc\u2600-\u2604\u260e\u2611\u2618\u261d\u2620` +
  String.raw`\u2622-\u2623\u2626\u262a\u262e-\u262f\u2638-\u263a\u2640\u2642\u265f-\u2660\u2663\u2665-\u2666` +
  String.raw`\u2668\u267b\u267e\u2692\u2694-\u2697\u2699\u269b-\u269c\u26a0\u26a7\u26b0-\u26b1\u26c8\u26cf\u26d1` +
  String.raw`\u26d3\u26e9\u26f0-\u26f1\u26f4\u26f7-\u26f9\u2702\u2708-\u2709\u270c-\u270d\u270f\u2712\u2714\u2716` +
  String.raw`\u271d\u2721\u2733-\u2734\u2744\u2747\u2763-\u2764\u27a1\u2934-\u2935\u2b05-\u2b07\u3030\u303d\u3297` +
  String.raw`\u3299\u{1f170}-\u{1f171}\u{1f17e}-\u{1f17f}\u{1f202}\u{1f237}\u{1f321}\u{1f324}-\u{1f32c}` +
  String.raw`\u{1f336}\u{1f37d}\u{1f396}-\u{1f397}\u{1f399}-\u{1f39b}\u{1f39e}-\u{1f39f}` +
  String.raw`\u{1f3cb}-\u{1f3ce}\u{1f3d4}-\u{1f3df}\u{1f3f3}\u{1f3f5}\u{1f3f7}\u{1f43f}\u{1f441}` +
  String.raw`\u{1f4fd}\u{1f549}-\u{1f54a}\u{1f56f}-\u{1f570}\u{1f573}-\u{1f579}\u{1f587}` +
  String.raw`\u{1f58a}-\u{1f58d}\u{1f590}\u{1f5a5}\u{1f5a8}\u{1f5b1}-\u{1f5b2}\u{1f5bc}` +
  String.raw`\u{1f5c2}-\u{1f5c4}\u{1f5d1}-\u{1f5d3}\u{1f5dc}-\u{1f5de}\u{1f5e1}\u{1f5e3}\u{1f5e8}` +
  String.raw`\u{1f5ef}\u{1f5f3}\u{1f5fa}\u{1f6cb}\u{1f6cd}-\u{1f6cf}\u{1f6e0}-\u{1f6e5}\u{1f6e9}` +
  String.raw`\u{1f6f0}\u{1f6f3}`;
const VIRAMA =
  String.raw`\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u0f84\u1039-\u103a\u1714\u1734\u17d2` +
  String.raw`\u1a60\u1b44\u1baa-\u1bab\u1bf2-\u1bf3\ua806\ua8c4\ua953\ua9c0\uaaf6\uabed`;
const JOINING =
  String.raw`\u0620\u0626\u0628\u062a-\u062e\u0633-\u063f\u0641-\u0647\u0649-\u064a\u066e-\u066f\u0678-\u0687` +
  String.raw`\u069a-\u06bf\u06c1-\u06c2\u06cc\u06ce\u06d0-\u06d1\u06fa-\u06fc\u06ff\u0750-\u0758\u075c-\u076a` +
  String.raw`\u076d-\u0770\u0772\u0775-\u0777\u077a-\u077f\u08a0-\u08a9\u0712-\u072f\u07ca-\u07ea\u1820-\u1878` +
  String.raw`\u{1e900}-\u{1e943}`;
const JOINED =
  String.raw`\u0620\u0622-\u063f\u0641-\u064a\u066e-\u066f\u0671-\u0673\u0675-\u06d3\u06d5\u06ee-\u06ef` +
  String.raw`\u06fa-\u06fc\u06ff\u0750-\u077f\u08a0-\u08b4\u0712-\u072f\u07ca-\u07ea\u1820-\u1878` +
  String.raw`\u{1e900}-\u{1e943}`;
const MARKS = String.raw`\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7-\u06e8\u06ea-\u06ed`;
const EMOJI =
  String.raw`(?:[${TEXT_EMOJI}]\ufe0f` +
  String.raw`|[${TEXT_EMOJI}\u231a-\u231b\u23e9-\u23f3\u25fd-\u25fe\u2614-\u27bf\u2b1b-\u2b1c\u2b50\u2b55\u{1f000}-\u{1faff}])` +
  String.raw`[\u{1f3fb}-\u{1f3ff}]?`;
const NEEDED = [
  String.raw`${EMOJI}(?:\u200d${EMOJI})+`,
  String.raw`[${TEXT_EMOJI}]\ufe0f`,
  String.raw`[#*0-9]\ufe0f\u20e3`,
  String.raw`\u{1f3f4}\u{e0067}\u{e0062}(?:\u{e0065}\u{e006e}\u{e0067}|\u{e0073}\u{e0063}\u{e0074}|\u{e0077}\u{e006c}\u{e0073})\u{e007f}`,
  String.raw`[${JOINING}][${MARKS}]*\u200c(?=[${MARKS}]*[${JOINED}])`,
  String.raw`[${VIRAMA}][\u200c\u200d](?=[\u0900-\u1cff\ua800-\uabff])`,
  String.raw`[\u0900-\u0dff]\u200d(?=[${VIRAMA}])`,
  String.raw`[\u1820-\u18aa](?:[\u180b-\u180d\u180f]|\u180e(?=[\u1820-\u18aa]))`,
  String.raw`[\u3400-\u9fff\u{20000}-\u{3ffff}][\ufe00-\ufe02\u{e0100}-\u{e01ef}]`,
  String.raw`[\u1000-\u109f\ua840-\ua877\uaa60-\uaa7f]\ufe00`,
];
const IGNORABLE =
  String.raw`[\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164` +
  String.raw`\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]`;
const UNSEEN = new RegExp(`(${NEEDED.join("|")})|${IGNORABLE}`, "gu");

/** The one form of a name: composed (NFC), trimmed, single spaces, and nothing in it that is not seen. */
export function tidy(name: string): string {
  const seen = name.normalize("NFC").replace(UNSEEN, "$1");
  return seen
    .replace(/[\s\u2800]+/gu, " ")
    .trim()
    .normalize("NFC");
}
