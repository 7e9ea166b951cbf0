"""How much a relay bears: the protocol's figures, unless its operator gives others."""

from __future__ import annotations

from dataclasses import dataclass, field

from relay_widget.protocol import (
    CONNECT_TIMEOUT_S,
    MAX_BYTES_PER_S_PER_PEER,
    MAX_CHUNK_BYTES,
    MAX_CHUNKS_PER_S_PER_PEER,
    MAX_CONNECTIONS,
    MAX_INIT_BYTES,
    MAX_LISTENERS_PER_ROOM,
    MAX_MEMORY_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_PEERS_PER_ROOM,
    MAX_ROOMS,
    MAX_TRACKS_PER_PEER,
    MAX_TRACKS_PER_ROOM,
    PING_INTERVAL_S,
    PONG_TIMEOUT_S,
    READ_TIMEOUT_S,
)


def _limit(default: int, what: str) -> int:
    return field(default=default, metadata={"what": what})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits an operator may set, each with what it is for (``metadata["what"]``)."""

    peer_bytes_per_s: int = _limit(MAX_BYTES_PER_S_PER_PEER, "bytes one peer may send in a second")
    peer_chunks_per_s: int = _limit(MAX_CHUNKS_PER_S_PER_PEER, "chunks of media one peer may send in a second")
    peer_tracks: int = _limit(MAX_TRACKS_PER_PEER, "tracks one peer may publish")
    chunk_bytes: int = _limit(MAX_CHUNK_BYTES, "bytes of one chunk of media")
    init_bytes: int = _limit(MAX_INIT_BYTES, "bytes of one init segment")
    room_peers: int = _limit(MAX_PEERS_PER_ROOM, "peers in one room")
    room_listeners: int = _limit(MAX_LISTENERS_PER_ROOM, "listeners in one room")
    room_tracks: int = _limit(MAX_TRACKS_PER_ROOM, "tracks published in one room")
    rooms: int = _limit(MAX_ROOMS, "rooms")
    connections: int = _limit(MAX_CONNECTIONS, "clients connected at a time")
    address_sockets: int = _limit(1_000_000, "sockets open from one address (behind a proxy all are the proxy's)")
    connect_s: int = _limit(CONNECT_TIMEOUT_S, "seconds a socket may be open without Socket.IO's CONNECT")
    ping_s: int = _limit(PING_INTERVAL_S, "seconds between two pings of a client")
    pong_s: int = _limit(PONG_TIMEOUT_S, "seconds a client may take to answer a ping")
    read_s: int = _limit(READ_TIMEOUT_S, "seconds a client may take nothing of what waits for it")
    memory_bytes: int = _limit(
        MAX_MEMORY_BYTES, "bytes held for clients and late joiners; above it late joiners wait for the next group"
    )

    @property
    def message_bytes(self) -> int:
        """What one message on the wire may have; well above a chunk, so that one too large is refused by name."""
        return MAX_MESSAGE_BYTES // MAX_CHUNK_BYTES * self.chunk_bytes


DEFAULT_LIMITS = Limits()
