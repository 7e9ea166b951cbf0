from __future__ import annotations

import copy
import time
from typing import Any

import pytest

from relay_widget import Call, InvalidValueError, launcher
from relay_widget.grants import Grant
from relay_widget.invitation import InviteLink, make_link, qr_code
from relay_widget.tokens import verify

from .test_widget import call

__all__ = ["call"]  # the fixture

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJl"  # noqa: S105 - none of anybody's


def link(url: str = "https://relay.example", **about: Any) -> InviteLink:
    about = {"room": "lab", "name": None, "publish": True, "subscribe": True, "expires_s": 0.0, **about}
    return make_link(url, TOKEN, **about)


class TestOfACall:
    def test_it_opens_the_relay_s_page_with_a_token_for_this_room(self, call: Call) -> None:
        relay = launcher.ensure_relay()
        made = call.invite_link("Grace", publish=False, expires=60)
        address, _, token = made.partition("#token=")
        assert address == f"{relay.url}/join"
        grant = verify(relay.secret, token)
        assert grant == Grant(
            room="lab", name="Grace", publish=False, subscribe=True, expires_s=int(made.expires.timestamp())
        )
        assert 50 < grant.expires_s - time.time() <= 60
        assert (made.room, made.name, made.publish, made.subscribe) == ("lab", "Grace", False, True)
        assert made.warning is not None
        assert "this computer" in made.warning

    def test_it_administers_nothing_and_joins_as_nobody_s_call(self, call: Call) -> None:
        grant = verify(launcher.ensure_relay().secret, call.invite_link().partition("#token=")[2])
        assert (grant.administers, grant.call, grant.peer) == ((), None, None)

    def test_by_another_address(self, call: Call) -> None:
        made = call.invite_link(url="https://hub.example/user/ada/proxy/41234/")
        assert made.startswith("https://hub.example/user/ada/proxy/41234/join#token=eyJ")
        assert made.warning is None

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            ({"expires": 0}, "bad-expires"),
            ({"expires": "1h"}, "bad-expires"),
            ({"name": "two\nlines"}, "bad-name"),
            ({"url": "relay.example"}, "bad-url"),
        ],
    )
    def test_what_cannot_be(self, call: Call, arguments: dict[str, Any], code: str) -> None:
        with pytest.raises(InvalidValueError) as refused:
            call.invite_link(**arguments)
        assert refused.value.code == code

    def test_not_for_all_rooms_that_begin_so(self, call: Call) -> None:
        call.room = "lab*"
        with pytest.raises(InvalidValueError) as refused:
            call.invite_link()
        assert refused.value.code == "bad-room"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "relay.example",
        "ftp://relay.example",
        "https://",
        "https://[",
        "https://a/?x=1",
        "https://a/#x",
        "https://u@a",
        None,
        7,
    ],
)
def test_addresses_that_are_none(url: Any) -> None:
    with pytest.raises(InvalidValueError) as refused:
        link(url)
    assert refused.value.code == "bad-url"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8765", "https://localhost:1", "http://[::1]:8765", "http://a.localhost"]
)
def test_a_loopback_address_is_warned_of(url: str) -> None:
    warning = link(url).warning or ""
    assert "works on this computer only" in warning
    assert "call.invite_link(url=" in warning, "what to do then"


def test_plain_http_is_warned_of_where_something_is_to_be_sent() -> None:
    assert "neither camera nor microphone" in (link("http://192.168.1.5:8765").warning or "")
    assert link("http://192.168.1.5:8765", publish=False).warning is None
    assert link("https://192.168.1.5:8765").warning is None


def test_it_is_text_to_functions_and_says_nothing_where_it_is_kept() -> None:
    made = link()
    assert f"{made}" == str(made) == f"https://relay.example/join#token={TOKEN}"
    assert repr(made) == "<an invite link to room 'lab': print() shows it>"
    assert copy.copy(made).room == "lab"


def test_what_a_cell_keeps_of_it_has_no_token(call: Call) -> None:
    made = call.invite_link("Grace")
    shown = made._repr_mimebundle_()
    assert shown["text/plain"] == repr(made)
    assert "application/vnd.jupyter.widget-view+json" in shown
    state = made.card.get_state()
    assert not any(secret in f"{shown}{state}" for secret in (made, made.partition("#token=")[2], "eyJ", "data:image"))


def test_the_card_tells_all_to_a_page_that_asks_and_only_then(call: Call) -> None:
    made = call.invite_link("Grace", subscribe=False)
    told: list[dict[str, Any]] = []
    made.card.send = lambda content, _buffers=None: told.append(content)
    made.card._handle_custom_msg({"kind": "nonsense"}, [])
    assert told == []
    made.card._handle_custom_msg({"kind": "hello"}, [])
    [said] = told
    assert (said["link"], said["qr"], said["room"], said["name"]) == (str(made), qr_code(made), "lab", "Grace")
    assert (said["publish"], said["subscribe"], said["warning"]) == (True, False, made.warning)
    assert said["expires_ms"] == pytest.approx(made.expires.timestamp() * 1000)


class TestForThePage:
    """The Invite button: the page asks, the kernel answers, and nothing is kept."""

    def said(self, call: Call, **words: Any) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        call.send = lambda content, _buffers=None: told.append(content)
        call._handle_custom_msg({"kind": "invite", **words}, [])
        return [message for message in told if str(message["kind"]).startswith("invite")]

    @pytest.mark.parametrize("publish", [True, False])
    def test_a_page_that_asks_is_given_a_link_into_this_room(self, call: Call, publish: bool) -> None:
        call.room = 'it\'s "here"'
        [said] = self.said(call, publish=publish)
        grant = verify(launcher.ensure_relay().secret, said["link"].partition("#token=")[2])
        assert (grant.room, grant.name, grant.publish, grant.subscribe) == (call.room, None, publish, True)
        assert (grant.administers, grant.call, grant.peer) == ((), None, None), "no more than any guest"
        assert (said["kind"], said["room"], said["publish"], said["name"]) == ("invite", call.room, publish, None)
        assert said["qr"] == qr_code(said["link"])
        assert "this computer only" in said["warning"]
        assert 3500_000 < said["expires_ms"] - time.time() * 1000 <= 3600_000
        assert "eyJ" not in f"{call.get_state()}", "none of it is a trait"

    def test_a_named_relay_makes_no_links_and_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RELAY_WIDGET_URL", "https://127.0.0.1:9/path")
        named = Call(room="lab")
        try:
            [said] = self.said(named, publish=False)
        finally:
            named.close()
        assert (said["kind"], said["code"], said["publish"]) == ("invite-refused", "forbidden", False)
        assert "owner of the relay at https://127.0.0.1:9/path" in said["message"]

    def test_a_room_that_no_link_can_be_for(self, call: Call) -> None:
        call.room = "lab*"
        [said] = self.said(call)
        assert (said["kind"], said["code"]) == ("invite-refused", "bad-room")


def test_the_code_is_an_image_of_its_own_ground_and_grows_with_the_link() -> None:
    code = qr_code(link())
    assert code.startswith("data:image/svg+xml")
    assert "fff" in code, "white below it: scanners want dark on light"
    assert "http:" not in code.replace("http://www.w3.org/2000/svg", "")
    assert len(qr_code(link(f"https://relay.example/{'a' * 200}"))) > len(code)
