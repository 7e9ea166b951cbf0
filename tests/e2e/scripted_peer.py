"""A participant without a browser that sends what a test wants sent: recorded media, bursts, noise."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import socketio

from relay_widget.tokens import mint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relay_widget.protocol import ObjectType

    from .lab import JupyterLab

MEDIA = Path(__file__).parents[1] / "vectors" / "media"
Labelled = tuple["ObjectType", int, int, bytes]


class ScriptedPeer:
    """Connects to the lab's relay, joins a room and publishes one track."""

    def __init__(self, lab: JupyterLab, room: str, name: str, mime_type: str = "video/webm;codecs=vp8,opus") -> None:
        relay = lab.relay()
        token = mint(relay["secret"], role="peer", lifetime_s=3600)
        self._client = socketio.SimpleClient()
        self._client.connect(relay["url"], auth={"token": token, "protocol": 1}, transports=["websocket"])
        self.id: str = self._ask("join", {"room": room, "name": name})["peer"]
        self._ask("publish", {"track": "main", "mimeType": mime_type})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()

    def send(self, epoch: int, labelled: Labelled) -> None:
        kind, group, number, data = labelled
        header = {"track": "main", "epoch": epoch, "group": group, "object": number, "type": kind}
        self._client.emit("media-chunk", ({**header, "captured_ms": time.time() * 1000}, data))

    def _ask(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        ack: dict[str, Any] = self._client.call(event, payload)
        assert ack["ok"], ack
        return ack


def recording(name: str, piece_bytes: int) -> Iterator[Labelled]:
    """A recorded vector as labelled objects of about this size."""
    vector = json.loads((MEDIA / f"{name}.json").read_text())
    data = (MEDIA / f"{name}.webm").read_bytes()
    yield "init", 0, 0, data[: vector["init_bytes"]]
    starts = [*vector["groups"], len(data)]
    for group, (start, end) in enumerate(itertools.pairwise(starts), 1):
        for number, at in enumerate(range(start, end, piece_bytes)):
            yield "delta" if number else "key", group, number, data[at : min(at + piece_bytes, end)]
