from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_widget.core.names import numbered
from relay_widget.protocol import MAX_NAME_CHARS, check_name

from .world import World


@pytest.mark.parametrize(
    ("name", "taken", "given"),
    [
        ("root", [], "root"),
        ("root", ["root"], "root 2"),
        ("root", ["root", "root 2", "root 4"], "root 3"),
        ("root", ["root 2"], "root"),
        ("root 2", [], "root 2"),  # it comes back, and keeps its number though the first has gone
        ("root 2", ["root", "root 2"], "root 3"),
        ("root 2", ["root 2"], "root"),
        ("root 1", ["root 1"], "root 1 2"),  # 1 is no number that the relay gives
        ("2", ["2"], "2 2"),
        ("x" * 64, ["x" * 64], "x" * 62 + " 2"),
        ("Zo\N{COMBINING DIAERESIS}e", ["Zoe"], "Zo\N{COMBINING DIAERESIS}e"),
    ],
)
def test_numbers(name: str, taken: list[str], given: str) -> None:
    assert numbered(name, taken) == given


@given(st.lists(st.sampled_from(["a", "a 2", "a 3", "b 2", "x" * 64, "x" * 62 + " 2"]), max_size=40))
def test_all_of_many_are_different_and_can_be_used(names: list[str]) -> None:
    taken: list[str] = []
    for name in names:
        taken.append(numbered(name, taken))
    assert len(set(taken)) == len(taken)
    assert all(check_name(name) == name and len(name) <= MAX_NAME_CHARS for name in taken)


def come(world: World, client: str, *, numbered: bool = True, name: str = "root", **known: str) -> str:
    world.connect(client, **known)  # type: ignore[arg-type]
    ack = world.ask(client, "join", {"room": "lab", "name": name, "numbered": numbered})
    return str(ack["name"])


class TestInARoom:
    def test_two_of_one_user_are_told_apart_and_everybody_sees_it(self) -> None:
        world = World()
        assert [come(world, "a"), come(world, "b"), come(world, "c")] == ["root", "root 2", "root 3"]
        [_, told] = [what["peer"]["name"] for _, what in world.take("a")]
        assert told == "root 3"

    def test_a_name_that_a_person_chose_is_left_as_it_is(self) -> None:
        world = World()
        come(world, "a")
        assert come(world, "b", numbered=False) == "root"

    def test_a_number_is_kept_by_who_comes_back(self) -> None:
        world = World()
        come(world, "a")
        assert come(world, "b", peer_id="bob") == "root 2"
        assert come(world, "b again", peer_id="bob", name="root 2") == "root 2"  # while it is still there
        world.perform(world.relay.disconnect("b again"))
        world.perform(world.relay.disconnect("a"))
        assert come(world, "b once more", peer_id="bob", name="root 2") == "root 2"

    def test_what_the_token_says_and_listeners_have_no_numbers(self) -> None:
        world = World()
        come(world, "a")
        world.connect("guest")
        watching = {"room": "lab", "name": "root", "numbered": True, "listener": {"does": "watches"}}
        assert world.ask("guest", "join", watching)["name"] == "root"
        world.connect("named", name="root")
        assert world.ask("named", "join", {"room": "lab", "name": "x", "numbered": True})["name"] == "root"
