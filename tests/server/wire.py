"""Bytes as what a client may send: each reader of it gives something that is well formed, or refuses it by name."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import jwt

from relay_widget import protocol
from relay_widget.errors import WireError
from relay_widget.grants import Grant
from relay_widget.protocol import Code
from relay_widget.server.packets import CLIENT_EVENT, MAX_ATTACHMENTS, ClientPacket
from relay_widget.tokens import sign, verify

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "s" * 43
PARSERS: tuple[Callable[[Any], Any], ...] = (
    protocol.parse_join,
    protocol.parse_publish,
    protocol.parse_header,
    protocol.parse_report,
    protocol.parse_impair,
    protocol.parse_mute,
    protocol.parse_remove,
    protocol.parse_rename,
    protocol.parse_listen,
    protocol.parse_listens,
    protocol.parse_unpublish,
    protocol.parse_watch,
    protocol.parse_lock,
    protocol.parse_end,
    protocol.parse_clock,
    protocol.check_version,
)
SEEDS = (
    b'\x002["join",{"room":"lab","name":"Ada","plays":["video/webm"],"loopback":true}]',
    b'\x0051-["media-chunk",{"track":"t"},{"_placeholder":true,"num":0}]\x1ebytes',
    b"\x000/other,{}",
    b'\x01{"room":"lab","name":"Ada","plays":["video/webm"],"loopback":false}',
    b'\x01{"room":"lab","name":"Ada","numbered":true,"listener":{"does":"watches","of":["p1"]}}',
    b'\x01{"does":"records","of":["p1"]}',
    b'\x01{"track":"t","mimeType":"video/webm","audio":true,"timeslice_ms":20}',
    b'\x01{"track":"t","epoch":1,"group":1,"object":0,"type":"key","captured_ms":1.5,"level":0.5}',
    b'\x01{"peers":{"p1":{"stalls":1}},"sent":{"chunks":2}}',
    b'\x01{"room":"lab","peer":"p1","delay_ms":1,"jitter_ms":1,"rate_kbps":8,"stall_ms":1,"stall_every_ms":100}',
    b'\x02{"role":"peer","exp":1900000000,"room":"lab","publish":true,"administer":["*"],"name":"Ada","sub":"p1"}',
    b"\x03eyJhbGciOiJIUzI1NiJ9.e30.x",
)


def read(data: bytes) -> str:
    """Let a reader, which the first byte chooses, read the rest; what came of it."""
    if not data:
        return "nothing"
    reader = (_packet, _message, _claims, _token)[data[0] % 4]
    try:
        return reader(data[1:])
    except WireError as error:
        _check_refusal(error)
        return f"{reader.__name__} {error.code}"


def _check_refusal(error: WireError) -> None:
    assert error.code in set(Code)
    assert error.message.endswith(".")
    error.message.encode()  # it can be sent


def _packet(data: bytes) -> str:
    text, *attachments = data.split(b"\x1e")
    found = ClientPacket(encoded_packet=text.decode(errors="surrogatepass") if _is_text(text) else text)
    assert 0 <= found.attachment_count <= MAX_ATTACHMENTS
    if found.packet_type in (0, 1):
        return f"packet {found.packet_type}"
    for number in range(found.attachment_count):
        attachment = attachments[number] if number < len(attachments) else b""
        if found.add_attachment(attachment):
            break
    name, event, ack_id, args = found.data
    assert name == CLIENT_EVENT
    assert ack_id is None or type(ack_id) is int
    assert isinstance(args, list)
    return f"packet {found.packet_type} {type(event).__name__}"


def _message(data: bytes) -> str:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return "no JSON"
    outcomes = []
    for parse in PARSERS:
        with suppress(WireError):
            _well_formed(parse(value))
            outcomes.append(parse.__name__)
    if not outcomes:
        protocol.parse_header(value)  # how it is refused
    return " ".join(outcomes)


def _claims(data: bytes) -> str:
    """A token that is signed, with whatever claims."""
    try:
        claims = json.loads(data)
        token = jwt.encode(claims, SECRET, algorithm="HS256")
    except (ValueError, TypeError, RecursionError):
        return "no claims"
    grant = verify(SECRET, token, now_s=1.8e9)
    assert grant.role in ("peer", "monitor")
    assert 1.8e9 < grant.expires_s < float("inf")
    assert verify(SECRET, sign(SECRET, grant), now_s=1.79e9).same_rights(grant)
    return "grant"


def _token(data: bytes) -> str:
    """Anything for a token; and any header with a signature of its own."""
    text = data.decode(errors="replace")
    for token in (text, data, f"{base64.urlsafe_b64encode(data).decode().rstrip('=')}.e30.x"):
        with suppress(WireError):
            assert isinstance(verify(SECRET, token), Grant)
            raise AssertionError("a token that nobody signed is good")
    return "token"


def _is_text(data: bytes) -> bool:
    try:
        data.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _well_formed(value: Any) -> None:
    as_json = getattr(value, "as_json", None)
    text = json.dumps(as_json() if as_json else str(value), allow_nan=False)
    assert len(text) < 200_000
