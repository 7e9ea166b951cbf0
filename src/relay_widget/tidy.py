"""One form for the names that look the same: of people, of rooms, and wherever they are compared.

js/src/tidy.ts is its twin; ``tests/vectors/names.json`` holds both to the same results.
"""

from __future__ import annotations

import re
import unicodedata

# What is said of characters here is from Unicode 17: emoji-data.txt (Emoji without Emoji_Presentation, less digits),
# UnicodeData.txt (combining class 9), ArabicShaping.txt (joining types D; R and D; T) and DerivedCoreProperties.txt.
_TEXT_EMOJI = (
    r"\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9-\u21aa\u2328\u23cf\u23ed-\u23ef\u23f1-\u23f2"
    r"\u23f8-\u23fa\u24c2\u25aa-\u25ab\u25b6\u25c0\u25fb-\u25fc\u2600-\u2604\u260e\u2611\u2618\u261d\u2620"
    r"\u2622-\u2623\u2626\u262a\u262e-\u262f\u2638-\u263a\u2640\u2642\u265f-\u2660\u2663\u2665-\u2666"
    r"\u2668\u267b\u267e\u2692\u2694-\u2697\u2699\u269b-\u269c\u26a0\u26a7\u26b0-\u26b1\u26c8\u26cf\u26d1"
    r"\u26d3\u26e9\u26f0-\u26f1\u26f4\u26f7-\u26f9\u2702\u2708-\u2709\u270c-\u270d\u270f\u2712\u2714\u2716"
    r"\u271d\u2721\u2733-\u2734\u2744\u2747\u2763-\u2764\u27a1\u2934-\u2935\u2b05-\u2b07\u3030\u303d\u3297"
    r"\u3299\U0001f170-\U0001f171\U0001f17e-\U0001f17f\U0001f202\U0001f237\U0001f321\U0001f324-\U0001f32c"
    r"\U0001f336\U0001f37d\U0001f396-\U0001f397\U0001f399-\U0001f39b\U0001f39e-\U0001f39f"
    r"\U0001f3cb-\U0001f3ce\U0001f3d4-\U0001f3df\U0001f3f3\U0001f3f5\U0001f3f7\U0001f43f\U0001f441"
    r"\U0001f4fd\U0001f549-\U0001f54a\U0001f56f-\U0001f570\U0001f573-\U0001f579\U0001f587"
    r"\U0001f58a-\U0001f58d\U0001f590\U0001f5a5\U0001f5a8\U0001f5b1-\U0001f5b2\U0001f5bc"
    r"\U0001f5c2-\U0001f5c4\U0001f5d1-\U0001f5d3\U0001f5dc-\U0001f5de\U0001f5e1\U0001f5e3\U0001f5e8"
    r"\U0001f5ef\U0001f5f3\U0001f5fa\U0001f6cb\U0001f6cd-\U0001f6cf\U0001f6e0-\U0001f6e5\U0001f6e9"
    r"\U0001f6f0\U0001f6f3"
)
_VIRAMA = (
    r"\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u0f84\u1039-\u103a\u1714\u1734\u17d2"
    r"\u1a60\u1b44\u1baa-\u1bab\u1bf2-\u1bf3\ua806\ua8c4\ua953\ua9c0\uaaf6\uabed"
)
_JOINING = (
    r"\u0620\u0626\u0628\u062a-\u062e\u0633-\u063f\u0641-\u0647\u0649-\u064a\u066e-\u066f\u0678-\u0687"
    r"\u069a-\u06bf\u06c1-\u06c2\u06cc\u06ce\u06d0-\u06d1\u06fa-\u06fc\u06ff\u0750-\u0758\u075c-\u076a"
    r"\u076d-\u0770\u0772\u0775-\u0777\u077a-\u077f\u08a0-\u08a9\u0712-\u072f\u07ca-\u07ea\u1820-\u1878"
    r"\U0001e900-\U0001e943"
)
_JOINED = (
    r"\u0620\u0622-\u063f\u0641-\u064a\u066e-\u066f\u0671-\u0673\u0675-\u06d3\u06d5\u06ee-\u06ef"
    r"\u06fa-\u06fc\u06ff\u0750-\u077f\u08a0-\u08b4\u0712-\u072f\u07ca-\u07ea\u1820-\u1878"
    r"\U0001e900-\U0001e943"
)
_MARKS = r"\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7-\u06e8\u06ea-\u06ed"
_EMOJI = (
    rf"(?:[{_TEXT_EMOJI}]\ufe0f"
    rf"|[{_TEXT_EMOJI}\u231a-\u231b\u23e9-\u23f3\u25fd-\u25fe\u2614-\u27bf\u2b1b-\u2b1c\u2b50\u2b55\U0001f000-\U0001faff])"
    r"[\U0001f3fb-\U0001f3ff]?"
)
# The flags of England, Scotland and Wales.
_NATIONS = r"\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073"
_NEEDED = (
    rf"{_EMOJI}(?:\u200d{_EMOJI})+",  # a family
    rf"[{_TEXT_EMOJI}]\ufe0f",  # a heart in red
    r"[#*0-9]\ufe0f\u20e3",  # a keycap
    rf"\U0001f3f4\U000e0067\U000e0062(?:{_NATIONS})\U000e007f",
    rf"[{_JOINING}][{_MARKS}]*\u200c(?=[{_MARKS}]*[{_JOINED}])",  # letters that would join: Persian
    rf"[{_VIRAMA}][\u200c\u200d](?=[\u0900-\u1cff\ua800-\uabff])",  # and that would be one: India's scripts
    rf"[\u0900-\u0dff]\u200d(?=[{_VIRAMA}])",
    r"[\u1820-\u18aa](?:[\u180b-\u180d\u180f]|\u180e(?=[\u1820-\u18aa]))",  # Mongolian forms
    r"[\u3400-\u9fff\U00020000-\U0003ffff][\ufe00-\ufe02\U000e0100-\U000e01ef]",  # variants of Han characters
    r"[\u1000-\u109f\ua840-\ua877\uaa60-\uaa7f]\ufe00",  # Myanmar's dotted forms, Phags-pa
)
_IGNORABLE = re.compile(
    r"[\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_UNSEEN = re.compile(rf"({'|'.join(_NEEDED)})|{_IGNORABLE.pattern}")
_BLANK = re.compile(r"[\s\u2800]+")


def tidy(name: str) -> str:
    r"""Return the one form of a name: composed (NFC), trimmed, single spaces, and nothing in it that is not seen.

    A Mac types "é" as two characters where others type one. Characters that nobody sees (Unicode's default
    ignorable ones: zero-width spaces and joiners, fillers, tags, byte order marks) would make a second name of the
    same look. They stay where a script or an emoji needs them.

    Example:
        >>> tidy("cafe\u0301 ") == tidy("caf\u00e9\u200b") == "café"
        True
    """
    seen = unicodedata.normalize("NFC", name)
    if _IGNORABLE.search(seen):
        seen = _UNSEEN.sub(r"\1", seen)
    return unicodedata.normalize("NFC", _BLANK.sub(" ", seen).strip())
