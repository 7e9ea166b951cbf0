"""``InviteLink``: what `Call.invite_link` gives, and how a cell shows it."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from .errors import RelayWidgetError
from .relays import check_url
from .still import Still, StillWidget
from .subshells import hear_pages

_STATIC = Path(__file__).parent / "static"
_PATH = "/join"


class InviteLink(str):  # noqa: SLOT000 - there are few of them, and they carry more than text
    """A link with which a browser comes into a call: a str, ``print()`` shows it and functions take it.

    As the last line of a cell it shows a card with its QR code. Neither that nor its repr is saved with the notebook:
    the card asks the kernel for it, each time it is shown.

    Attributes:
        room: The room it leads into.
        name: What its guest is called; None leaves that to the guest.
        publish: Whether its guest may send picture and sound.
        subscribe: Whether its guest gets those of the others.
        expires: When it ends, connected or not.
        warning: What is in the way of who opens it, in a sentence; None if nothing is known to be.
    """

    room: str
    name: str | None
    publish: bool
    subscribe: bool
    expires: datetime
    warning: str | None
    _card: InviteCard | None = None

    def __repr__(self) -> str:
        return f"<an invite link to room {self.room!r}: print() shows it>"

    @property
    def card(self) -> InviteCard:
        """The widget that a cell shows, for whatever does not show it by itself."""
        if self._card is None:
            self._card = InviteCard(self)
        return self._card

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        shown = self.card._repr_mimebundle_()
        data: dict[str, Any] = shown[0] if isinstance(shown, tuple) else shown or {}
        return {**data, "text/plain": repr(self)}


def make_link(
    url: str, token: str, *, room: str, name: str | None, publish: bool, subscribe: bool, expires_s: float
) -> InviteLink:
    """Make a link of a token.

    Args:
        url: The relay's address, as its guest's browser reaches it, with the path of a proxy if there is one.
        token: The token.
        room: See `InviteLink`, as the rest.
        name: As above.
        publish: As above.
        subscribe: As above.
        expires_s: When it ends, in seconds since 1970.

    Raises:
        InvalidValueError: ``bad-url``.
    """
    base = check_url(url)
    link = InviteLink(f"{base}{_PATH}#token={token}")
    link.room, link.name, link.publish, link.subscribe = room, name, publish, subscribe
    link.expires = datetime.fromtimestamp(expires_s, UTC)
    link.warning = _warning(base, publish=publish)
    return link


class InviteCard(StillWidget):
    """A link's QR code, what it allows, and until when.

    It has no traits of its own: traits can be saved with the notebook.
    """

    if (_STATIC / "invite.js").is_file():
        _esm = (_STATIC / "invite.js").read_text("utf-8")
        _css = (_STATIC / "invite.css").read_text("utf-8")

    def __init__(self, link: InviteLink) -> None:
        self._link = link
        super().__init__()
        hear_pages(self, self._on_page_message)

    def __repr__(self) -> str:
        return repr(self._link)

    def _words(self) -> Still:
        return Still(
            title=f"Invitation · room {self._link.room}",
            saved="An invite link is not kept in the notebook. Run the cell to make a new one.",
            closed="This card was closed. Its link works until it ends. Run the cell to make a new one.",
            picture="invite",
        )

    def _on_page_message(self, content: dict[str, Any], _buffers: object) -> None:
        if content.get("kind") == "hello":
            self.send(_contents(self._link))


class _Inviting(Protocol):
    def invite_link(self, *, publish: bool) -> InviteLink: ...


def answer_page(call: _Inviting, content: dict[str, Any]) -> dict[str, Any]:
    """Make the link that a call's page has asked for, or say why there is none.

    The answer is a custom message, never a trait: traits are saved with the notebook.

    Args:
        call: The call whose page asks.
        content: What the page says: ``publish`` false makes a link to watch and listen only.
    """
    publish = content.get("publish") is not False
    try:
        return _contents(call.invite_link(publish=publish))
    except RelayWidgetError as error:
        return {"kind": "invite-refused", "publish": publish, "code": error.code, "message": error.message}


def _contents(link: InviteLink) -> dict[str, Any]:
    return {
        "kind": "invite",
        "link": str(link),
        "qr": qr_code(link),
        "room": link.room,
        "name": link.name,
        "publish": link.publish,
        "subscribe": link.subscribe,
        "expires_ms": link.expires.timestamp() * 1000,
        "warning": link.warning,
    }


def qr_code(text: str) -> str:
    """A QR code as an SVG in a ``data:`` address; black on white also where the page is dark, as scanners want it."""
    import segno  # noqa: PLC0415 - most calls never need it

    code = segno.make_qr(str(text), error="l")  # the largest squares: it is read from a screen, not from a dirty box
    return code.svg_data_uri(border=4, dark="#000", light="#fff", omitsize=True)


def _warning(url: str, *, publish: bool) -> str | None:
    parts = urlsplit(url)
    if _is_loopback(parts.hostname or ""):
        return (
            f"The relay listens on {parts.hostname}, so this link works on this computer only. For guests on other "
            'devices, make it with the address at which they reach the relay: call.invite_link(url="https://…"). '
            "See docs/deploy.md."
        )
    if parts.scheme == "http" and publish:
        return (
            "Over http:// a browser gives neither camera nor microphone: guests can only watch and listen. "
            "Serve the relay over https://: see docs/deploy.md."
        )
    return None


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
