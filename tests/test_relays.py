"""What users copy: addresses, tokens and links, with what comes along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from relay_widget import Call, InvalidValueError, Peer
from relay_widget.relays import TOKEN_VARIABLE, URL_VARIABLE, NamedRelay, bare_token, named_relay
from relay_widget.tokens import mint

if TYPE_CHECKING:
    from .relay_process import RelayProcess

TOKEN = mint("s" * 32, role="peer", lifetime_s=600, room="lab")
URL = "https://relay.example/user/ada"
LINK = f"{URL}/join#token={TOKEN}"
LINES = "\n".join(TOKEN[at : at + 60] for at in range(0, len(TOKEN), 60))


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (URL_VARIABLE, TOKEN_VARIABLE):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize(
    "copied",
    [
        TOKEN,
        f"{TOKEN}\n",
        f"\r\n  {TOKEN}\t",
        LINES,
        LINES.replace("\n", "\r\n  "),
        f'"{TOKEN}"',
        f"'{TOKEN}'\n",
        f"`{TOKEN}`",
        f"Bearer {TOKEN}",
        f"\ufeff{TOKEN}\u200b",
        TOKEN.encode(),
        LINK,
        f" {LINK}\n",
        f"<{LINK}>",
        LINK.replace("#", "?from=mail#"),
        LINK.replace("#token=", "%23token%3D"),
        f"{URL}/join#token={LINES}",
        f"{LINK}&utm_source=chat",
    ],
)
def test_a_token_is_found_in_what_was_copied(copied: Any) -> None:
    assert bare_token(copied) == TOKEN
    assert named_relay(f"{URL}/", copied) == NamedRelay(URL, TOKEN)


def test_a_whole_link_says_the_address_too() -> None:
    for link in (
        LINK,
        f"{LINK}\n",
        f"<{LINK}>",
        LINK.replace("/join#", "/join/#"),
        LINK.replace("/join#", "/join?x=1#"),
    ):
        assert named_relay(None, link) == named_relay(URL, link) == NamedRelay(URL, TOKEN)
    with pytest.raises(InvalidValueError, match="give a token as token, also a whole link"):
        named_relay(LINK, None)


def test_in_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, f"{URL}\n")
    monkeypatch.setenv(TOKEN_VARIABLE, f"{TOKEN}\n")
    assert named_relay(None, None) == NamedRelay(URL, TOKEN)
    monkeypatch.setenv(TOKEN_VARIABLE, LINK)
    assert named_relay(None, None) == NamedRelay(URL, TOKEN)
    other = LINK.replace("relay.example", "other.example")
    assert named_relay(None, other) == NamedRelay(URL.replace("relay.example", "other.example"), TOKEN)


@pytest.mark.parametrize("none", [None, "", " \n", b""])
def test_none_is_none(none: Any) -> None:
    assert bare_token(none) is None
    assert named_relay(URL, none) == NamedRelay(URL, None)
    assert named_relay(None, none) is None


@pytest.mark.parametrize(
    "wrong", [5, "eyJ…", "a token: eyJ", "<a token of relay-widget: print() shows it>", "http://x/join"]
)
def test_what_is_no_token_is_named_and_not_shown(wrong: Any) -> None:
    for use in (lambda: bare_token(wrong), lambda: named_relay(URL, wrong), lambda: Peer("lab", token=wrong)):
        with pytest.raises(InvalidValueError, match="A token is") as refused:
            use()
        assert refused.value.code == "bad-token"
        assert str(wrong) not in refused.value.message


def test_a_participant_comes_in_with_what_was_copied(relay: RelayProcess) -> None:
    token = mint(relay.secret, role="peer", lifetime_s=600, room="lab", publish=True, subscribe=True)
    lines = "\n".join(token[at : at + 60] for at in range(0, len(token), 60))
    with (
        Peer("lab", "Ada", token=f"{relay.url}/join#token={token}") as ada,
        Peer("lab", "Bob", url=relay.url, token=lines),
    ):
        assert ada.joined
        call = Call("lab", "Grace", token=f"{relay.url}/join#token={lines}")
        try:
            assert len(call.wait_for_peers(2, timeout=20)) == 2
        finally:
            call.close()
