"""One form for names that look the same, in both languages and at every edge."""

from __future__ import annotations

import doctest
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import characters, lists, sampled_from, text

from relay_widget import tidy as tidy_module
from relay_widget.core.names import numbered
from relay_widget.errors import InvalidValueError, WireError
from relay_widget.impair import whom
from relay_widget.peer import Peer
from relay_widget.protocol import MAX_NAME_CHARS, Code, PeerInfo, check_name, check_room, parse_join
from relay_widget.tidy import tidy
from relay_widget.tokens import mint, verify

VECTORS = json.loads((Path(__file__).parent / "vectors" / "names.json").read_text())
TRICKY = [
    *"aé1#*❤☺😀👩💻क्षرعلی가葛ᠠမ",
    *"\u0301\u200b\u200c\u200d\ufe0f\ufe0e\u20e3\u3164\u00ad\u034f\u180b\u2800\u00a0 ",
    *"\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e007f\U000e0100\U0001f3fd\u064b\u09b0\u09cd\u1100\u1161",
]


@pytest.mark.parametrize("name", VECTORS["stay"], ids=ascii)
def test_names_that_people_have_stay(name: str) -> None:
    assert tidy(name) == check_name(name) == check_room(name) == name


@pytest.mark.parametrize(("given", "name"), VECTORS["become"], ids=ascii)
def test_names_of_the_same_look_become_one(given: str, name: str) -> None:
    assert tidy(given) == name
    if name:
        assert check_name(given) == check_room(given) == name
    else:
        with pytest.raises(WireError, match="empty") as refused:
            check_name(given)
        assert refused.value.code == Code.BAD_NAME


@given(lists(sampled_from(TRICKY), max_size=12).map("".join) | text(characters(exclude_categories=["Cs"])))
def test_what_is_tidy_stays_so(name: str) -> None:
    once = tidy(name)
    assert tidy(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert tidy(unicodedata.normalize("NFD", name)) == once


def test_nothing_unseen_is_left_between_letters() -> None:
    codes = [*range(0x20000), *range(0xE0000, 0xE1100)]
    unseen = {chr(code) for code in codes if tidy(f"A{chr(code)}b") == "Ab"}
    assert {"\u200b", "\u200d", "\ufeff", "\u3164", "\U000e0001", "\ufe0f"} <= unseen
    assert all(unicodedata.category(one) in ("Cf", "Mn", "Lo", "Cn") for one in unseen)
    left = [chr(code) for code in codes if unicodedata.category(chr(code)) == "Cf"]
    # Signs before numbers, and Egyptian ones that join two.
    shown = ["\u0600", "\u06dd", "\u070f", "\u0890", "\u08e2", "\U000110bd", "\U000110cd", "\U00013430"]
    blocks = {ord(one) >> 4 for one in shown}
    assert not [ascii(one) for one in left if one not in unseen and ord(one) >> 4 not in blocks]


def test_all_that_takes_a_name_takes_it_in_one_form() -> None:
    typed = "cafe\u0301\u200b"
    assert parse_join(typed).room == parse_join({"room": typed, "name": typed}).name == "café"
    peer = Peer(typed, typed, url="http://127.0.0.1:9")
    assert (peer.room, peer.name) == ("café", "café")
    claims = verify("s" * 32, mint("s" * 32, role="peer", lifetime_s=60, room=typed, name=typed, administers=(typed,)))
    assert (claims.room, claims.name, claims.administers) == ("café", "café", ("café",))
    others = [PeerInfo("p1", "café", (), ()), PeerInfo("p2", "Ada", (), ())]
    assert whom(typed, "lab", others, ()) == ["p1"]
    with pytest.raises(InvalidValueError):
        whom("cafe", "lab", others, ())


def test_a_long_name_is_cut_where_nothing_unseen_is_left() -> None:
    family = "👩\u200d👩\u200d👧 " * 12
    name = tidy(family[:MAX_NAME_CHARS])
    cut = numbered(name, {name})
    assert tidy(cut) == cut
    assert len(cut) <= MAX_NAME_CHARS


def test_a_very_long_name_is_refused_for_its_length() -> None:
    with pytest.raises(WireError, match="100000 characters"):
        check_name("\u200b" * 50_000 + "a" * 50_000)


def test_the_example_runs() -> None:
    assert doctest.testmod(tidy_module).failed == 0
