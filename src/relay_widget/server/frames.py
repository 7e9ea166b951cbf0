"""Messages to clients, encoded once for everybody who gets them.

A message is one Socket.IO event or acknowledgement. To a WebSocket it is written as finished frames (a
server's frames are not masked, so they are the same for everybody), to a long poll as Engine.IO packets.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from relay_widget.protocol import Event

if TYPE_CHECKING:
    from relay_widget.core import MediaLabel

_TEXT = 0x81  # a whole text message in one frame
_BINARY = 0x82
_CLOSE = 0x88
_MESSAGE = b"4"  # Engine.IO's type of it
_SHORT = 126  # lengths below it are in the second byte
_LONG = 1 << 16
MEDIA_START = b'51-["%s",' % Event.MEDIA_CHUNK.encode()
"""What stands before a media-chunk's label in its text: that of an event with one attachment."""
MEDIA_END = b',{"_placeholder":true,"num":0}]'
"""And behind it, as JavaScript and Socket.IO for Python write it, too."""
_encode = msgspec.json.Encoder().encode


def head(first_byte: int, size: int) -> bytes:
    """What stands before a payload of this size in an unmasked WebSocket frame."""
    if size < _SHORT:
        return bytes((first_byte, size))
    if size < _LONG:
        return bytes((first_byte, _SHORT, size >> 8, size & 0xFF))
    return bytes((first_byte, _SHORT + 1)) + size.to_bytes(8, "big")


def close(code: int, reason: str) -> bytes:
    """The frame that closes a WebSocket."""
    payload = code.to_bytes(2, "big") + reason.encode()
    return head(_CLOSE, len(payload)) + payload


class Message:
    """A Socket.IO packet, with at most one attachment. ``frames`` is all of it, for a WebSocket."""

    __slots__ = ("_text", "data", "frames")

    def __init__(self, text: bytes, data: bytes | None = None) -> None:
        self._text = text
        self.data = data
        size = len(text) + 1
        if data is None:
            self.frames = b"".join((head(_TEXT, size), _MESSAGE, text))
        else:
            self.frames = b"".join((head(_TEXT, size), _MESSAGE, text, head(_BINARY, len(data)), data))

    @property
    def text(self) -> str:
        """The packet without its attachment."""
        return self._text.decode()

    @property
    def size_bytes(self) -> int:
        """About what it takes on its way."""
        return len(self._text) + (0 if self.data is None else len(self.data))


def event(name: str, payload: dict[str, Any]) -> Message:
    """An event without bytes."""
    return Message(b"2" + _json([name, payload]))


def media(label: MediaLabel, data: bytes) -> Message:
    """A media-chunk."""
    return Message(MEDIA_START + _encode(label) + MEDIA_END, data)


def acknowledgement(ack_id: int, payload: dict[str, Any]) -> Message:
    """The answer to a client's event."""
    return Message(b"3%d" % ack_id + _json([payload]))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
