"""The wire, as types: event names, limits, error codes, and the messages with their checks.

It does no input or output, so that the relay's core and every Python client can use it. The prose is in
PROTOCOL.md; ``tests/vectors/protocol.json`` holds the names and limits that the TypeScript side asserts too.
A payload from a client is ``Any`` until a ``parse_…`` function here has turned it into a message, or has
raised a ``WireError`` that says what is wrong with it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeGuard, get_args

import msgspec

from .errors import WireError
from .tidy import tidy

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

PROTOCOL_VERSION = 1


def package_version() -> str:
    """Return the version of this package; "unknown" for a copy of its source that was never installed."""
    try:
        return metadata.version("relay-widget")
    except metadata.PackageNotFoundError:
        return "unknown"


# Limits. Each has its unit in its name; over it, the client that sent it gets a code, nobody else is hurt.
MAX_CHUNK_BYTES = 1_000_000
"""One media-chunk. At 20 ms slices a chunk is a few kB; the origin's 1500 ms at 2.5 Mbit/s is 470 kB."""
MAX_INIT_BYTES = 64_000
"""One init segment. Recorded ones are 144 to 207 bytes (WebM) and about 1 kB (MP4)."""
MAX_MESSAGE_BYTES = 4 * MAX_CHUNK_BYTES
"""One WebSocket message or polling body. Above it the connection is closed, so it is well above
MAX_CHUNK_BYTES: a chunk that is merely too large is refused by name."""
MAX_GROUP_BYTES = 8_000_000
"""What the relay keeps of a track's current group for late joiners."""
MAX_GROUP_AGE_MS = 30_000
"""A group older than this is not worth keeping for late joiners."""
MAX_CLOCK_AHEAD_MS = 1_000
"""A publisher's estimate of the relay's clock is off by less: nothing was captured so long after it was relayed."""
MAX_CAPTURE_AGE_MS = 60_000
"""Nothing is so long on its way from its capture to the relay, on whatever uplink."""
MAX_QUEUE_BYTES = 1_000_000
"""What may wait for one subscriber before whole groups are dropped for it."""
MAX_VIDEO_WAIT_MS = 500
"""How long that may take to go out; what takes longer is dropped in whole groups too."""
MAX_AUDIO_QUEUE_BYTES = 2 * MAX_QUEUE_BYTES
"""The same for audio-only tracks, which are the last to give way."""
MAX_AUDIO_WAIT_MS = 5_000
MAX_BACKLOG_BYTES = MAX_AUDIO_QUEUE_BYTES + MAX_GROUP_BYTES + MAX_MESSAGE_BYTES
"""What may wait for one client in all: a full queue, one late joiner's burst, and answers it asked for. A
client over it does not read at all and is disconnected."""
MAX_CONNECTIONS = 2_000
"""Clients connected to one relay at a time."""
MAX_MEMORY_BYTES = 1_000_000_000
"""What one relay holds for clients and for late joiners before it lets nobody more in."""
MAX_ROOMS = 1_000
MAX_PEERS_PER_ROOM = 100
MAX_LISTENERS_PER_ROOM = 100
"""Clients that receive in a room and are no participants of it."""
MAX_LISTENED_PEERS = MAX_PEERS_PER_ROOM
"""Peers that one listener may name."""
MAX_TRACKS_PER_ROOM = 400
MAX_TRACKS_PER_PEER = 4
MAX_NAME_CHARS = 64
MAX_TRACK_ID_CHARS = 64
MAX_MIME_TYPE_CHARS = 128
MAX_ORIGIN_CHARS = 300
MIN_CALL_CHARS = 16
"""A shorter word could be guessed."""
MAX_CALL_CHARS = 64
MAX_PLAYS = 16
"""Entries in a peer's list of playable MIME types."""
MAX_WATCHED_ROOMS = MAX_ROOMS
"""Rooms that one monitor may watch."""
MAX_ALLOWED_ORIGINS = 32
"""Origins of pages that one client may have the relay serve; the oldest gives way to one more."""
MAX_WATCHED_CALLS = 256
"""Calls in one room whose reports one monitor may ask for by name."""
MAX_REPORT_PEERS = 1_000
"""An operator may have larger rooms than `MAX_PEERS_PER_ROOM`; a report is bounded by `MAX_TEXT_BYTES`, too."""
MAX_REPORT_FIGURES = 40
MAX_BYTES_PER_S_PER_PEER = 4_000_000
"""What one peer may publish, over one second; 32 Mbit/s is far above any camera."""
MAX_CHUNKS_PER_S_PER_PEER = 2_000
"""Chunks of media, over one second; four tracks in slices of 10 ms are 400."""
MAX_PACKETS_PER_S = 2_000
"""Whatever else a connection sends, over one second; more is read later. Chunks that come by a WebSocket's short way
are counted as chunks only; otherwise one is two packets."""
MAX_TEXT_BYTES = 256_000
"""What one packet without its binary parts may have: a report about a full room. A connection that sends more ends."""
MAX_CONNECT_BYTES = 16_000
"""The same until a client has been let in, and in one second: a token and little more."""
CONNECT_TIMEOUT_S = 10
"""How long a socket may be open without Socket.IO's CONNECT."""
PING_INTERVAL_S = 25
"""How often the relay asks whether a client is there (Engine.IO's ping)."""
PONG_TIMEOUT_S = 20
"""How long the answer may take."""
READ_TIMEOUT_S = 30
"""How long a client may take nothing of what waits for it."""
TICKET_LIFETIME_S = 120
"""How long a ticket that a kernel gives its page can be used to connect."""
RESUME_LIFETIME_S = 12 * 3600
"""How long a kernel's page may stay, and come back under its own id, without a fresh ticket."""
RECONNECT_SPREAD_MS = 500
"""Within which time clients come back when their relay ends: not all at once."""
REPORT_INTERVAL_MS = 250
"""How often a receiver reports its figures, of up to `REPORT_PEERS` others; of more in proportion less often."""
REPORT_PEERS = 10
SNAPSHOT_INTERVAL_MS = 100
"""How often, at most, a monitor is sent a room's state, or the reports that it asked for."""
LEFT_KEPT_MS = 60_000
"""How long a monitor is shown that a participant of a notebook's call has left."""
MAX_LEFT_KEPT = 32
"""So many participants that have left are kept for each room, the newest."""
TRACK_LAG_INTERVAL_MS = 1_000
"""How often, at most, a publisher is told how many subscribers of a track lag."""
MAX_DELAY_MS = 10_000
MAX_JITTER_MS = 10_000
MIN_RATE_KBPS = 8
MAX_RATE_KBPS = 1_000_000
MAX_STALL_MS = 30_000
MIN_STALL_EVERY_MS = 100
MAX_STALL_EVERY_MS = 600_000
DEFAULT_STALL_EVERY_MS = 5_000


def report_interval_ms(peers: int) -> float:
    """How often a receiver of so many others reports its figures: each report grows with them, too."""
    return REPORT_INTERVAL_MS * max(1, peers / REPORT_PEERS)


class Event(StrEnum):
    """Names of the Socket.IO events. Those above the line go to the relay, those below come from it."""

    JOIN = "join"
    LEAVE = "leave"
    RENAME = "rename"
    PUBLISH = "publish"
    UNPUBLISH = "unpublish"
    MEDIA_CHUNK = "media-chunk"  # both ways
    CLOCK = "clock"
    REPORT = "report"
    RENEW = "renew"
    LISTEN = "listen"
    WATCH = "watch"
    UNWATCH = "unwatch"
    IMPAIR = "impair"
    MUTE = "mute"
    REMOVE = "remove"
    LOCK = "lock"
    END = "end"
    ALLOW_ORIGIN = "allow-origin"
    # ---
    PEER_JOINED = "peer-joined"
    PEER_LEFT = "peer-left"
    PEER_RENAMED = "peer-renamed"
    LISTENER_JOINED = "listener-joined"
    LISTENER_LEFT = "listener-left"
    TRACK_PUBLISHED = "track-published"
    TRACK_UNPUBLISHED = "track-unpublished"
    TRACK_MUTED = "track-muted"
    GROUPS_DROPPED = "groups-dropped"
    TRACK_LAG = "track-lag"
    ROOM = "room"
    REPORTS = "reports"
    RELAY_ENDING = "relay-ending"
    ERROR = "error"


class Code(StrEnum):
    """Error codes on the wire."""

    BAD_TOKEN = "bad-token"  # noqa: S105 - a code, not a secret
    EXPIRED_TOKEN = "expired-token"  # noqa: S105
    UNSUPPORTED_PROTOCOL = "unsupported-protocol"
    FORBIDDEN = "forbidden"
    BAD_MESSAGE = "bad-message"
    BAD_ROOM = "bad-room"
    BAD_NAME = "bad-name"
    BAD_TRACK = "bad-track"
    BAD_HEADER = "bad-header"
    BAD_IMPAIRMENT = "bad-impairment"
    NOT_JOINED = "not-joined"
    ALREADY_JOINED = "already-joined"
    UNKNOWN_ROOM = "unknown-room"
    UNKNOWN_PEER = "unknown-peer"
    UNKNOWN_TRACK = "unknown-track"
    OUT_OF_ORDER = "out-of-order"
    RELAY_FULL = "relay-full"
    RELAY_ENDING = "relay-ending"
    TOO_MANY_ROOMS = "too-many-rooms"
    ROOM_FULL = "room-full"
    ROOM_LOCKED = "room-locked"
    TOO_MANY_TRACKS = "too-many-tracks"
    CHUNK_TOO_LARGE = "chunk-too-large"
    INIT_TOO_LARGE = "init-too-large"
    TOO_FAST = "too-fast"
    REPLACED = "replaced"
    REMOVED = "removed"
    ROOM_ENDED = "room-ended"
    NOT_READING = "not-reading"
    INTERNAL = "internal"


ObjectType = Literal["init", "key", "delta"]
_MAX_NUMBER = 2**53 - 1  # the largest whole number that survives JavaScript
_TRACK_ID = re.compile(rf"[A-Za-z0-9_.-]{{1,{MAX_TRACK_ID_CHARS}}}")
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MAX_NUMBER)]
_Stamp = Annotated[float, msgspec.Meta(ge=-_MAX_NUMBER, le=_MAX_NUMBER)]
LeftReason = Literal["left", "lost", "replaced", "expired", "removed"]
Does = Literal["watches", "records"]
"""What a listener does with the media that it receives."""
DOES: tuple[Does, ...] = get_args(Does)


@dataclass(frozen=True, slots=True)
class Listens:
    """What a listener does, and whose media it receives: peer ids, or None for everybody's."""

    does: Does
    of: tuple[str, ...] | None = None

    def hears(self, peer: str) -> bool:
        """Whether it receives the media of the peer with this id."""
        return self.of is None or peer in self.of

    def as_json(self) -> dict[str, Any]:
        """The wire form."""
        return {"does": self.does, "of": None if self.of is None else list(self.of)}


@dataclass(frozen=True, slots=True)
class Join:
    """A peer asks to enter a room. ``plays`` are the MIME types it can play; empty means unknown.

    ``loopback``: it is to get its own tracks too, as the others get them. ``call``: a word by which whoever gave it to
    the peer knows it again. ``numbered``: nobody chose the name, so the relay numbers it if it is taken. ``listens``:
    it enters as a listener, not as a participant.
    """

    room: str
    name: str
    plays: tuple[str, ...] = ()
    loopback: bool = False
    call: str | None = None
    numbered: bool = False
    listens: Listens | None = None
    plain: bool = False  # joined with a bare string: the origin's form


@dataclass(frozen=True, slots=True)
class Track:
    """What a peer publishes under one id.

    ``packaging`` says how its objects are wrapped; ``audio`` and ``video`` what is in it; ``muted`` that its
    audio is silenced by its owner; ``timeslice_ms`` how long one object is meant to be.
    """

    track: str
    mime_type: str
    packaging: str = "webm"
    source: str = "camera"
    audio: bool = True
    video: bool = True
    muted: bool = False
    timeslice_ms: float = 0

    @property
    def audio_only(self) -> bool:
        """Whether it is sound and nothing else: the last to give way on a slow link."""
        return self.audio and not self.video

    def as_json(self) -> dict[str, Any]:
        """The wire form (``mimeType`` is spelled as in the browser's API)."""
        record = asdict(self)
        record["mimeType"] = record.pop("mime_type")
        return record


def can_be_captured(captured_ms: float, relayed_ms: float) -> bool:
    """Whether an object that came to the relay at one time can have been taken at the other, as its publisher says.

    A publisher's word on its time is no length: who believes any of them can be made to wait, or to write, for ever.
    """
    return relayed_ms - MAX_CAPTURE_AGE_MS <= captured_ms <= relayed_ms + MAX_CLOCK_AHEAD_MS


class MediaHeader(msgspec.Struct, omit_defaults=True, gc=False):
    """The label of one object: what its publisher says of it, and what the relay adds when it passes it on.

    ``captured_ms`` and ``sent_ms`` (when the publisher handed it to its socket) are in the relay's clock; None
    means unknown. ``media_ms`` is the media time, from the epoch's start, of what ``captured_ms`` speaks of: its
    newest picture or sound block. ``level`` is the loudness of the sound in it, 0 to 1: who speaks can be shown
    without decoding (the idea of RFC 6464).
    """

    track: Annotated[str, msgspec.Meta(pattern=rf"\A{_TRACK_ID.pattern}\Z")]
    epoch: _Count
    group: _Count
    object: _Count
    type: ObjectType
    captured_ms: _Stamp | None = None
    level: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0
    sent_ms: _Stamp | None = None
    media_ms: _Stamp | None = None
    sender: str | None = msgspec.field(default=None, name="from")
    """The publisher's peer id. The relay knows it: whatever a publisher says is not heeded."""
    relayed_ms: float | None = None
    """When the relay passed it on, in its clock."""

    def as_json(self) -> dict[str, Any]:
        """The wire form, without what is unknown."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """A peer as others see it."""

    id: str
    name: str
    plays: tuple[str, ...] = ()
    tracks: tuple[Track, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The wire form."""
        return {
            "id": self.id,
            "name": self.name,
            "plays": list(self.plays),
            "tracks": [track.as_json() for track in self.tracks],
        }


@dataclass(frozen=True, slots=True)
class ListenerInfo:
    """Who receives in a room without being a participant, as everybody in the room sees it.

    Attributes:
        id: Its id on the relay.
        name: Whose it is.
        does: ``"watches"`` (a program gets the frames) or ``"records"`` (a file is made).
        of: Ids of the peers whose media it receives; None for everybody's, empty for nobody's at this moment.
    """

    id: str
    name: str
    does: Does
    of: tuple[str, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """The wire form."""
        return {"id": self.id, "name": self.name, **Listens(self.does, self.of).as_json()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ListenerInfo:
        """From the wire form, as the relay sends it."""
        of = record["of"]
        return cls(record["id"], record["name"], record["does"], None if of is None else tuple(of))


@dataclass(frozen=True, slots=True)
class Report:
    """A receiver's figures: by peer id a flat map of numbers, and its own sending side in ``sent``."""

    peers: dict[str, dict[str, float]] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The wire form."""
        return {"peers": self.peers, "sent": self.sent}

    def about(self, present: Container[str]) -> Report:
        """What it says of those present."""
        return replace(self, peers={peer: figures for peer, figures in self.peers.items() if peer in present})


@dataclass(frozen=True, slots=True)
class Watch:
    """What a monitor wants of a room: its state, and the reports of the participants of these calls.

    ``calls`` is None for everybody's reports.
    """

    room: str
    calls: frozenset[str] | None = frozenset()

    def report_of(self, call: str | None) -> bool:
        """Whether reports of this call's participants are wanted."""
        return self.calls is None or call in self.calls

    def with_also(self, other: Watch) -> Watch:
        """What both want."""
        both = None if self.calls is None or other.calls is None else self.calls | other.calls
        return Watch(self.room, both)

    def as_json(self) -> dict[str, Any]:
        """The wire form."""
        return {"room": self.room, "reports": True if self.calls is None else sorted(self.calls)}


@dataclass(frozen=True, slots=True)
class Impairment:
    """Network trouble on purpose, of what the relay sends to a peer.

    ``delay_ms`` comes on top of everything, and up to ``jitter_ms`` more, anew for each object. ``rate_kbps`` is all
    that passes, in kbit/s; None for no limit. Every ``stall_every_ms`` nothing passes for ``stall_ms``.
    """

    delay_ms: float = 0
    jitter_ms: float = 0
    rate_kbps: float | None = None
    stall_ms: float = 0
    stall_every_ms: float = DEFAULT_STALL_EVERY_MS

    @property
    def is_none(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.delay_ms or self.jitter_ms or self.rate_kbps or self.stall_ms)

    def as_json(self) -> dict[str, Any]:
        """The wire form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Impair:
    """Somebody who administers a room impairs a peer in it, or (None) everybody; ``impairment`` None ends it."""

    room: str
    peer: str | None
    impairment: Impairment | None


@dataclass(frozen=True, slots=True)
class Mute:
    """Somebody who administers a room mutes a track in it, or (None) all of a peer; or lets it be heard again."""

    room: str
    peer: str
    track: str | None
    muted: bool


def ok(**values: Any) -> dict[str, Any]:
    """An acknowledgement that says yes."""
    return {"ok": True, **values}


def refusal(error: WireError) -> dict[str, Any]:
    """An acknowledgement that says no."""
    return {"ok": False, "error": error_json(error)}


def error_json(error: WireError) -> dict[str, str]:
    """``{code, message}`` of an error."""
    return {"code": error.code, "message": error.message}


# ---------------------------------------------------------------------------------------------------------
# Parsing: from Any to a message, or a WireError.

# Lone surrogates (U+D800 to U+DFFF) pass through JSON but cannot be written as UTF-8.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@\\,*\x00-\x1f\x7f]+")
_CALL = re.compile(rf"[A-Za-z0-9_-]{{{MIN_CALL_CHARS},{MAX_CALL_CHARS}}}")
_SHOWN_CALL_CHARS = 32
_MOST_CHARS_TO_TIDY = 16 * MAX_NAME_CHARS
_FIGURE = re.compile(r"[a-z0-9_]{1,32}")


def check_room(value: object) -> str:
    """A room name: 1 to 64 characters of text on one line, in the form that `tidy` gives it."""
    return _text(value, "room", Code.BAD_ROOM)


def check_name(value: object) -> str:
    """A peer name: 1 to 64 characters of text on one line, in the form that `tidy` gives it."""
    return _text(value, "name", Code.BAD_NAME)


def check_version(value: object) -> None:
    """Accept this protocol's version and no other."""
    if type(value) is not int or value != PROTOCOL_VERSION:
        raise WireError(
            Code.UNSUPPORTED_PROTOCOL,
            f"This relay speaks protocol {PROTOCOL_VERSION}, the client asked for {_short(value)}: "
            "install the same version of relay-widget on both sides.",
        )


def parse_join(payload: object) -> Join:
    """``{room, name, plays?, loopback?, call?, numbered?, listener?}``, or a bare room name (the origin's form)."""
    if isinstance(payload, str):
        return Join(room=check_room(payload), name="guest", plain=True)
    body = _mapping(payload, Event.JOIN)
    plays = body.get("plays", [])
    if not isinstance(plays, list) or len(plays) > MAX_PLAYS:
        raise WireError(Code.BAD_MESSAGE, f"plays must be a list of at most {MAX_PLAYS} MIME types.")
    listener = body.get("listener")
    return Join(
        room=check_room(body.get("room")),
        name=check_name(body.get("name")),
        plays=tuple(_mime_type(item, Code.BAD_MESSAGE) for item in plays),
        loopback=_flag(body.get("loopback", False), "loopback", Code.BAD_MESSAGE),
        call=_call(body.get("call")),
        numbered=_flag(body.get("numbered", False), "numbered", Code.BAD_MESSAGE),
        listens=None if listener is None else parse_listens(listener),
    )


def parse_listens(payload: object) -> Listens:
    """``{does, of?}``: what a listener does, and whose media it receives."""
    if not isinstance(payload, dict):
        raise WireError(Code.BAD_MESSAGE, f"listener must be an object with does and of, not {_short(payload)}.")
    does = next((word for word in DOES if word == payload.get("does")), None)
    if does is None:
        raise WireError(Code.BAD_MESSAGE, f"does must be one of {', '.join(DOES)}, not {_short(payload.get('does'))}.")
    return Listens(does, _ids(payload.get("of")))


def parse_listen(payload: object) -> tuple[str, ...] | None:
    """``{of}``: the peers whose media a listener receives from now on; None for everybody's."""
    return _ids(_mapping(payload, Event.LISTEN).get("of"))


def _ids(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_LISTENED_PEERS:
        raise WireError(Code.BAD_MESSAGE, f"of must be a list of at most {MAX_LISTENED_PEERS} peer ids.")
    return tuple(dict.fromkeys(_word(peer, "of") for peer in value))


def _call(value: object) -> str | None:
    if value is None or (isinstance(value, str) and _CALL.fullmatch(value)):
        return value
    raise WireError(Code.BAD_MESSAGE, f"call must be {MIN_CALL_CHARS} to {MAX_CALL_CHARS} of A-Za-z0-9_-.")


def shown_call(call: str) -> str:
    """What watchers see of the word that a peer has named as its call: who knows the word knows it again."""
    return hashlib.sha256(call.encode()).hexdigest()[:_SHOWN_CALL_CHARS]


def parse_rename(payload: object) -> str:
    """``{name}``."""
    return check_name(_mapping(payload, Event.RENAME).get("name"))


def parse_publish(payload: object) -> Track:
    """``{track, mimeType, packaging?, source?, audio?, video?, muted?, timeslice_ms?}``."""
    body = _mapping(payload, Event.PUBLISH)
    return Track(
        track=check_track_id(body.get("track"), Code.BAD_TRACK),
        mime_type=_mime_type(body.get("mimeType"), Code.BAD_TRACK),
        packaging=_word(body.get("packaging", "webm"), "packaging"),
        source=_word(body.get("source", "camera"), "source"),
        audio=_flag(body.get("audio", True), "audio"),
        video=_flag(body.get("video", True), "video"),
        muted=_flag(body.get("muted", False), "muted"),
        timeslice_ms=_number(body.get("timeslice_ms", 0), "timeslice_ms", Code.BAD_TRACK),
    )


def parse_unpublish(payload: object) -> str:
    """``{track}``."""
    return check_track_id(_mapping(payload, Event.UNPUBLISH).get("track"), Code.BAD_TRACK)


def parse_header(payload: object) -> MediaHeader:
    """The label of a media-chunk: ``{track, epoch, group, object, type, level?}`` and its stamps."""
    if isinstance(payload, dict):
        payload = {name: value for name, value in payload.items() if not _is_unknown_stamp(name, value)}
        if _is_number(level := payload.get("level")) and -_MAX_NUMBER <= level <= _MAX_NUMBER:
            payload["level"] = min(1, max(0, level))
    try:
        return msgspec.convert(payload, MediaHeader)
    except msgspec.ValidationError as error:
        raise WireError(Code.BAD_HEADER, f"The header of a media-chunk is not right: {error}.") from None
    except UnicodeEncodeError:
        raise WireError(Code.BAD_HEADER, "The header of a media-chunk holds half a character.") from None


def _is_unknown_stamp(name: object, value: object) -> bool:
    """A time out of all range, or no finite number: that compares with nothing."""
    return (
        name in ("captured_ms", "sent_ms", "media_ms")
        and _is_number(value)
        and not -_MAX_NUMBER <= value <= _MAX_NUMBER
    )


def parse_report(payload: object) -> Report:
    """``{peers: {id: {figure: number}}, sent: {figure: number}}``."""
    body = _mapping(payload, Event.REPORT)
    peers = body.get("peers", {})
    if not isinstance(peers, dict) or len(peers) > MAX_REPORT_PEERS:
        raise WireError(Code.BAD_MESSAGE, f"peers of a report must map at most {MAX_REPORT_PEERS} ids to figures.")
    return Report(
        peers={_word(peer, "peer id"): _figures(figures) for peer, figures in peers.items()},
        sent=_figures(body.get("sent", {})),
    )


def parse_clock(payload: object) -> float:
    """``t0``: the client's time in ms, echoed in the answer."""
    return _number(payload, "t0", Code.BAD_MESSAGE)


def parse_renew(payload: object) -> object:
    """``{token}``: whatever it is, it is checked elsewhere."""
    return _mapping(payload, Event.RENEW).get("token")


def parse_watch(payload: object) -> Watch:
    """``{room, reports?}``: true for everybody's reports, or a list of calls."""
    body = _mapping(payload, Event.WATCH)
    room, reports = check_room(body.get("room")), body.get("reports", False)
    if isinstance(reports, bool):
        return Watch(room, None if reports else frozenset())
    if not isinstance(reports, list) or len(reports) > MAX_WATCHED_CALLS:
        raise WireError(Code.BAD_MESSAGE, f"reports must be true, or a list of at most {MAX_WATCHED_CALLS} calls.")
    return Watch(room, frozenset(_word(call, "call") for call in reports))


def parse_unwatch(payload: object) -> str:
    """``{room}``."""
    return check_room(_mapping(payload, Event.UNWATCH).get("room"))


def parse_impair(payload: object) -> Impair:
    """``{room, peer?, delay_ms?, jitter_ms?, rate_kbps?, stall_ms?, stall_every_ms?}``."""
    body = _mapping(payload, Event.IMPAIR)
    peer = body.get("peer")
    impairment = check_impairment(body)
    return Impair(
        room=check_room(body.get("room")),
        peer=None if peer is None else _word(peer, "peer"),
        impairment=None if impairment.is_none else impairment,
    )


def parse_mute(payload: object) -> Mute:
    """``{room, peer, track?, muted?}``."""
    body = _mapping(payload, Event.MUTE)
    track = body.get("track")
    return Mute(
        room=check_room(body.get("room")),
        peer=_word(body.get("peer"), "peer"),
        track=None if track is None else check_track_id(track, Code.BAD_TRACK),
        muted=_flag(body.get("muted", True), "muted", Code.BAD_MESSAGE),
    )


def parse_remove(payload: object) -> tuple[str, str]:
    """``{room, peer}``."""
    body = _mapping(payload, Event.REMOVE)
    return check_room(body.get("room")), _word(body.get("peer"), "peer")


def parse_lock(payload: object) -> tuple[str, bool]:
    """``{room, locked?}``."""
    body = _mapping(payload, Event.LOCK)
    return check_room(body.get("room")), _flag(body.get("locked", True), "locked", Code.BAD_MESSAGE)


def parse_end(payload: object) -> str:
    """``{room}``."""
    return check_room(_mapping(payload, Event.END).get("room"))


def parse_allow_origin(payload: object) -> str:
    """``{origin}``."""
    return check_origin(_mapping(payload, Event.ALLOW_ORIGIN).get("origin"))


def check_origin(value: object) -> str:
    """An origin as browsers send it, in lower case: ``https://lab.example:8443``, ``vscode-webview://1a2b``.

    ``null``, which any page can make its own, is none.
    """
    if not isinstance(value, str) or len(value) > MAX_ORIGIN_CHARS or not _ORIGIN.fullmatch(value.lower()):
        raise WireError(
            Code.BAD_MESSAGE, f"origin must be one of a page, as in https://lab.example, not {_short(value)}."
        )
    return value.lower()


def check_impairment(values: Mapping[str, Any]) -> Impairment:
    """The figures of an impairment; null, and a rate of 0, mean none."""
    given = {name: value for name, value in values.items() if value is not None}
    impairment = Impairment(
        delay_ms=_within(given.get("delay_ms", 0), "delay_ms", 0, MAX_DELAY_MS),
        jitter_ms=_within(given.get("jitter_ms", 0), "jitter_ms", 0, MAX_JITTER_MS),
        rate_kbps=_rate(given.get("rate_kbps")),
        stall_ms=_within(given.get("stall_ms", 0), "stall_ms", 0, MAX_STALL_MS),
        stall_every_ms=_within(
            given.get("stall_every_ms", DEFAULT_STALL_EVERY_MS),
            "stall_every_ms",
            MIN_STALL_EVERY_MS,
            MAX_STALL_EVERY_MS,
        ),
    )
    if impairment.stall_ms >= impairment.stall_every_ms:
        raise WireError(
            Code.BAD_IMPAIRMENT,
            f"A stall_ms of {impairment.stall_ms} leaves nothing of a stall_every_ms of {impairment.stall_every_ms}: "
            "make the stalls shorter than what they recur in.",
        )
    return impairment


def check_track_id(value: object, code: Code) -> str:
    """A track id: 1 to 64 of letters, digits, ``_``, ``.``, ``-``."""
    if not isinstance(value, str) or not _TRACK_ID.fullmatch(value):
        raise WireError(
            code,
            f"track must be 1 to {MAX_TRACK_ID_CHARS} letters, digits or any of _.-, not {_short(value)}.",
        )
    return value


def _text(value: object, what: str, code: Code) -> str:
    if not isinstance(value, str):
        raise WireError(code, f"The {what} must be text, not {_short(value)}.")
    text = value.strip()
    if len(text) <= _MOST_CHARS_TO_TIDY:
        if _CONTROL.search(text):
            raise WireError(code, f"The {what} holds control characters: use plain text on one line.")
        text = tidy(text)
    if not text:
        raise WireError(code, f"The {what} is empty: give it at least one character that can be seen.")
    if len(text) > MAX_NAME_CHARS:
        raise WireError(code, f"The {what} has {len(text)} characters: use at most {MAX_NAME_CHARS}.")
    return text


def _mapping(payload: object, event: Event) -> dict[str, Any]:
    if not isinstance(payload, dict):
        raise WireError(Code.BAD_MESSAGE, f"{event} takes an object, not {_short(payload)}.")
    return payload


def _mime_type(value: object, code: Code) -> str:
    if not isinstance(value, str) or "/" not in value or len(value) > MAX_MIME_TYPE_CHARS or _CONTROL.search(value):
        raise WireError(
            code,
            f"mimeType must be a MIME type of at most {MAX_MIME_TYPE_CHARS} characters, not {_short(value)}.",
        )
    return value


def _word(value: object, what: str) -> str:
    if not isinstance(value, str) or not _TRACK_ID.fullmatch(value):
        raise WireError(Code.BAD_MESSAGE, f"{what} must be one word, not {_short(value)}.")
    return value


def _flag(value: object, what: str, code: Code = Code.BAD_TRACK) -> bool:
    if not isinstance(value, bool):
        raise WireError(code, f"{what} must be true or false, not {_short(value)}.")
    return value


def _is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number of JSON: true and false are none."""
    return type(value) is float or type(value) is int


def _number(value: object, what: str, code: Code) -> float:
    # Not a number compares with nothing, so it fails here too.
    if not _is_number(value) or not -_MAX_NUMBER <= value <= _MAX_NUMBER:
        raise WireError(code, f"{what} must be a finite number, not {_short(value)}.")
    return value


def _within(value: object, what: str, least: float, most: float) -> float:
    if not _is_number(value) or not least <= value <= most:
        raise WireError(Code.BAD_IMPAIRMENT, f"{what} must be a number from {least} to {most}, not {_short(value)}.")
    return value


def _rate(value: object) -> float | None:
    if value is None or (_is_number(value) and value == 0):
        return None
    if not _is_number(value) or not MIN_RATE_KBPS <= value <= MAX_RATE_KBPS:
        raise WireError(
            Code.BAD_IMPAIRMENT,
            f"rate_kbps must be a number from {MIN_RATE_KBPS} to {MAX_RATE_KBPS}, or none for no limit, "
            f"not {_short(value)}.",
        )
    return value


def _figures(value: object) -> dict[str, float]:
    if not isinstance(value, dict) or len(value) > MAX_REPORT_FIGURES:
        raise WireError(Code.BAD_MESSAGE, f"Figures must be at most {MAX_REPORT_FIGURES} named numbers.")
    figures: dict[str, float] = {}
    for name, figure in value.items():
        if not isinstance(name, str) or not _FIGURE.fullmatch(name):
            raise WireError(Code.BAD_MESSAGE, f"A figure's name is lower-case words joined by _, not {_short(name)}.")
        figures[name] = _number(figure, name, Code.BAD_MESSAGE)
    return figures


def _short(value: object) -> str:
    """A value as shown in an error message: short, and never raw bytes."""
    if isinstance(value, (bytes, bytearray)):
        return f"{len(value)} bytes"
    if value is None:
        return "nothing"
    text = repr(value) if isinstance(value, (str, int, float, bool)) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - room for one short quote
