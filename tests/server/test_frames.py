from __future__ import annotations

import json

import pytest
import socketio

from relay_widget.server import frames


def unframe(data: bytes) -> list[tuple[int, bytes]]:
    """WebSocket frames as (first byte, payload)."""
    found = []
    while data:
        first, size, start = data[0], data[1], 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        found.append((first, data[start : start + size]))
        assert len(found[-1][1]) == size
        data = data[start + size :]
    return found


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 1_000_000])
def test_a_frame_of_every_length(size: int) -> None:
    payload = bytes(size)
    assert unframe(frames.head(0x82, len(payload)) + payload) == [(0x82, payload)]


def test_media_is_one_text_and_one_binary_frame_that_socketio_understands() -> None:
    header = {"from": "p1", "track": "Zürich"}
    (first, text), (second, data) = unframe(frames.media(header, b"bytes").frames)
    assert (first, second) == (0x81, 0x82)
    packet = socketio.packet.Packet(encoded_packet=text.decode().removeprefix("4"))
    assert packet.add_attachment(data)
    assert packet.data == ["media-chunk", header, b"bytes"]


def test_an_event_and_an_acknowledgement() -> None:
    [(first, text)] = unframe(frames.event("error", {"code": "x"}).frames)
    assert first == 0x81
    assert text.startswith(b"42")
    assert json.loads(text[2:]) == ["error", {"code": "x"}]
    [(_, text)] = unframe(frames.acknowledgement(17, {"ok": True}).frames)
    assert text == b'4317[{"ok":true}]'


def test_what_a_message_takes_is_what_is_in_it() -> None:
    message = frames.media({}, b"x")
    assert message.size_bytes == len(message.text) + 1
    assert message.size_bytes <= len(message.frames)
