"""Where a call's milliseconds go: the newest figures by peer and hop, and the history of all of them."""

from __future__ import annotations

import math
import threading
from array import array
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOPS = ("record", "uplink", "downlink", "queue", "play", "total")
"""The way of a picture: captured, sent, relayed, received, appended, shown; and all of it."""
_HOP_FIGURES = tuple(f"{hop}_{share}_ms" for hop in HOPS for share in ("p50", "p95"))
FIGURES = (
    *_HOP_FIGURES,
    "latency_ms",
    "queue_depth",
    "buffered_s",
    "stalls",
    "dropped_frames",
    "dropped_groups",
    "rate",
    "av_skew_ms",
    "clock_error_ms",
)
"""What the history keeps of each report and peer."""
COLUMNS = ("time", "peer", "name", "room", *FIGURES)
MAX_ROWS = 230_400
"""Kept at most: four hours of four others at four reports a second, some 45 MB. Then the oldest tenth goes."""

_SAYS_UNKNOWN = frozenset({*_HOP_FIGURES, "latency_ms", "clock_error_ms"})
"""Figures that are -1 while unknown; the skew may well be."""


def by_hop(figures: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """One peer's figures as ``{hop: {"p50": ms, "p95": ms}}``; hops that are not known are left out."""
    hops: dict[str, dict[str, float]] = {}
    for hop in HOPS:
        p50_ms, p95_ms = (_known(figures, f"{hop}_{share}_ms") for share in ("p50", "p95"))
        if not (math.isnan(p50_ms) or math.isnan(p95_ms)):
            hops[hop] = {"p50": p50_ms, "p95": p95_ms}
    return hops


class LatencyHistory:
    """Every report of a call's own browser since the call was made, one row for each peer in it.

    Written on the monitor's thread, read on any. Columns, because rows of objects would take five times as much.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times_ms = array("d")
        self._who: list[tuple[str, str, str]] = []
        self._figures = array("d")
        self._last: Mapping[str, Any] = {}
        self._known_as: dict[str, tuple[str, str, str]] = {}

    def __len__(self) -> int:
        return len(self._who)

    def note(self, now_ms: float, room: str, peers: Iterable[Mapping[str, Any]], report: Mapping[str, Any]) -> None:
        """Take a report from a snapshot of the room, unless it is the one that was taken last.

        Args:
            now_ms: When the snapshot was made, in the relay's clock.
            room: Its room.
            peers: Those in the room; the report may still hold one who has just left.
            report: The newest report of the call's own participant; empty while it is not in the room.
        """
        with self._lock:
            if report == self._last:
                return
            self._last = report
            names = {peer["id"]: peer["name"] for peer in peers}
            known_as = {}
            for peer, figures in report.get("peers", {}).items():
                who = self._known_as.get(peer, ("", "", ""))
                now_who = (peer, names.get(peer, who[1]), room)
                known_as[peer] = who if who == now_who else now_who  # rows share it while nothing changes
                self._times_ms.append(now_ms)
                self._who.append(known_as[peer])
                self._figures.extend([_known(figures, name) for name in FIGURES])
            self._known_as = known_as
            if len(self._who) > MAX_ROWS:
                self._forget(MAX_ROWS // 10)

    def records(self) -> list[dict[str, Any]]:
        """The rows as dicts by column; None where something is not known."""
        times_ms, who, figures = self._copy()
        width = len(FIGURES)
        records = []
        for row, (time_ms, names) in enumerate(zip(times_ms, who, strict=True)):
            values = figures[row * width : (row + 1) * width]
            known = (None if math.isnan(value) else value for value in values)
            time = datetime.fromtimestamp(time_ms / 1000, UTC)
            records.append(dict(zip(COLUMNS, (time, *names, *known), strict=True)))
        return records

    def frame(self) -> Any:
        """The rows as a pandas DataFrame; NaN where something is not known.

        Raises:
            ImportError: pandas is not installed.
        """
        import numpy as np  # noqa: PLC0415 - comes with pandas
        import pandas as pd  # noqa: PLC0415 - optional, and half a second

        times_ms, who, figures = self._copy()
        rows = len(who)
        frame = pd.DataFrame(np.asarray(figures).reshape(rows, len(FIGURES)), columns=list(FIGURES))
        times_us = (np.asarray(times_ms) * 1000).round().astype("int64")
        frame.insert(0, "time", pd.to_datetime(times_us, unit="us", utc=True))
        names = zip(*who, strict=True) if who else ((), (), ())
        for at, (column, values) in enumerate(zip(("peer", "name", "room"), names, strict=True), start=1):
            frame.insert(at, column, pd.Series(values, dtype="str"))
        return frame

    def _copy(self) -> tuple[array[float], list[tuple[str, str, str]], array[float]]:
        with self._lock:
            return self._times_ms[:], self._who[:], self._figures[:]

    def _forget(self, rows: int) -> None:
        del self._times_ms[:rows]
        del self._who[:rows]
        del self._figures[: rows * len(FIGURES)]


def _known(figures: Mapping[str, float], name: str) -> float:
    value = figures.get(name, math.nan)
    return math.nan if name in _SAYS_UNKNOWN and value < 0 else value
