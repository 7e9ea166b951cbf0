"""The times of a file's packets, put right as the ffmpeg program does: broken time lines go on, guesses fill holes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractions import Fraction

_TIMES_MAY_BREAK = 0x200
"""FFmpeg's AVFMT_TS_DISCONT."""
MAX_JUMP_S = 10.0
"""In a format whose time line may break (MPEG-TS, Ogg, ...), a jump by more than this is a break, not a pause."""
MAX_STEP_BACK_S = 0.1
"""In such a format, a step back by more than this is a break, too."""
MAX_ERROR_S = 30 * 3600.0
"""In any other format, a stamp that is further off than this is an error and is not used."""


class PacketClock:
    """Corrects the stamps of packets in place, in the order in which the file holds them.

    Attributes:
        breaks: Whether the time line of this format may break. Then the packets of all streams must be given, because
            a break that one stream shows is a break for all.
    """

    def __init__(self, container: Any) -> None:
        self.breaks = bool(container.format.flags & _TIMES_MAY_BREAK)
        self._shift_s = 0.0
        self._due_s: dict[int, float] = {}
        self._latest_s: float | None = None

    def correct(self, packet: Any) -> None:
        """Move the packet's stamps by the breaks so far, and remove those that cannot be right."""
        if packet.dts is None:
            self._shift(packet)
            return
        base: Fraction = packet.time_base
        dts_s = float(packet.dts * base)
        due_s = self._due_s.get(packet.stream_index)
        if self.breaks:
            at_s = dts_s + self._shift_s
            expected_s = self._latest_s if due_s is None else due_s
            if expected_s is not None and self._is_break(at_s - expected_s, first=due_s is None):
                self._shift_s -= at_s - expected_s
            self._shift(packet)
            dts_s = float(packet.dts * base)
        elif due_s is not None:
            if packet.pts is not None and abs(float(packet.pts * base) - due_s) > MAX_ERROR_S:
                packet.pts = None
            if abs(dts_s - due_s) > MAX_ERROR_S:
                packet.dts = None
                dts_s = due_s
        self._due_s[packet.stream_index] = dts_s + float((packet.duration or 0) * base)
        self._latest_s = dts_s

    def _is_break(self, step_s: float, *, first: bool) -> bool:
        return abs(step_s) > MAX_JUMP_S or (not first and step_s < -MAX_STEP_BACK_S)

    def _shift(self, packet: Any) -> None:
        ticks = round(self._shift_s / packet.time_base) if self._shift_s else 0
        if ticks and packet.pts is not None:
            packet.pts += ticks
        if ticks and packet.dts is not None:
            packet.dts += ticks


class BestEffort:
    """The stamps of decoded frames, by FFmpeg's own rule: whichever of both kinds of stamps has been wrong less often.

    Some formats (AVI) say when a frame is decoded, but not when it is shown.
    """

    def __init__(self) -> None:
        self._pts_faults = self._dts_faults = 0
        self._pts: int | None = None
        self._dts: int | None = None

    def of(self, frame: Any) -> int | None:
        """The next frame's stamp, in the time base of its stream; None if it has none."""
        pts: int | None = frame.pts
        dts: int | None = frame.dts
        if dts is not None:
            self._dts_faults += self._dts is not None and dts <= self._dts
            self._dts = dts
        elif pts is not None:
            self._dts = pts
        if pts is not None:
            self._pts_faults += self._pts is not None and pts <= self._pts
            self._pts = pts
        elif dts is not None:
            self._pts = dts
        return pts if pts is not None and (self._pts_faults <= self._dts_faults or dts is None) else dts
