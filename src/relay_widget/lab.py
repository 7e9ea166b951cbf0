"""``LatencyLab``: a call for teaching and measuring, with charts of where the milliseconds go."""

from __future__ import annotations

import asyncio
import math
import numbers
import sys
import time
import warnings
from collections.abc import Iterable, Mapping
from html import escape
from itertools import islice
from typing import Any, ClassVar

import traitlets as t

from .attributes import default, given
from .errors import InvalidValueError, NothingReceivedError, WireError
from .protocol import check_impairment
from .settings import DEFAULT_TIMESLICE_MS, InvalidTraitError
from .still import Still
from .sweep import Row, Settling, draw, summary, table, words
from .trouble import STALL_EVERY_MS, Trouble
from .widget import _STATIC, Call

MIN_SECONDS = 1.0
MAX_SECONDS = 600.0
MAX_VALUES = 100
"""The most values of one sweep."""
_TROUBLES = ("delay_ms", "jitter_ms", "rate_kbps", "stall_ms")
_UNITS = {"rate_kbps": "kbit/s"}
_POLL_S = 0.1
_FIRST_FIGURES_S = 10.0
SETTLE_WITHIN_S = 45.0
"""A sweep measures a value although playback has not settled after this long beyond ``settle``, and says so."""
WORTH_A_START_MS = 60.0
"""More than this, added to the target by stalls, is given back in half a minute only. Then playback begins anew."""
MAX_STARTS = 3
"""How often it begins for one value, at most."""
_TAKEN_UP_S = 10.0
"""A page that has not taken up a setting for this long is not there any more."""


class _Figure(t.Float[float, Any]):
    """A number of any kind, NumPy's too, but no truth value: as `Call.impair` takes them."""

    def validate(self, _obj: Any, value: Any) -> float:
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise InvalidTraitError("bad-setting", f"{self.name} must be a number, not {value!r}.")
        return float(value)


class LatencyLab(Call):
    """A call that also hears itself, beside live charts of its latency: what a relay costs, and where.

    One cell is enough: the page sends a test picture through the relay to itself, in real pieces over the real
    relay, and shows both pictures side by side. (Your sound makes the way, too, but is not played back to you.)
    Others who join the room are measured just the same. With each new timeslice the page begins to send anew, so that
    nothing is remembered of the one before. In a lab, ``peers``, ``queue_depths`` and ``latency``
    include yourself, as the relay brings you back.

    The page has sliders for the timeslice, the target latency and trouble on the way, and shows, dashed, what a
    WebRTC connection from the page to itself takes at the same time. The last chart stays in the notebook.

    Args:
        room: Where to meet. 1 to 64 characters.
        name: What the others see. 1 to 64 characters; default: your user name.
        url: As in `Call`.
        token: As in `Call`.
        timeslice: As in `Call`.
        target_latency: As in `Call`.
        source: As in `Call`. Default: ``"pattern"``.
        microphone: As in `Call`.
        camera: As in `Call`.
        auto_join: As in `Call`.
        delay_ms: Milliseconds by which the relay delays everything it sends to this lab. Default: 0.
        jitter_ms: Milliseconds by which the delay varies, anew for each chunk. Default: 0.
        rate_kbps: The most kbit/s that the relay sends to this lab. Default: 0, no cap.
        stall_ms: Milliseconds for which the relay sends nothing, every 10 seconds. Default: 0, never.
        **settings: ``layout``, as of any widget.

    Raises:
        TypeError: An unknown argument.
        InvalidValueError: A setting that cannot be used.
        FrontendMissingError: The JavaScript of the package has not been built.
    """

    source = t.Enum(["camera", "screen", "pattern"], "pattern").tag(sync=True)
    """Read and write, default ``"pattern"``: what is sent. A lab needs no camera."""

    delay_ms = _Figure(0.0).tag(sync=True)
    """Read and write, ms, default 0: how long the relay holds back everything that it sends to this lab."""

    jitter_ms = _Figure(0.0).tag(sync=True)
    """Read and write, ms, default 0: the delay is longer by up to this, anew for each chunk."""

    rate_kbps = _Figure(0.0).tag(sync=True)
    """Read and write, kbit/s, default 0 (no cap): the most that the relay sends to this lab."""

    stall_ms = _Figure(0.0).tag(sync=True)
    """Read and write, ms, default 0 (none): every 10 seconds the relay sends nothing for this long."""

    webrtc_ms = t.Float(None, allow_none=True, read_only=True)
    """Read only, ms, default None: what WebRTC takes in the same page, as it has last measured it."""

    last_chart = t.Unicode("", read_only=True).tag(sync=True)
    """Read only: the latency chart as an SVG, a few seconds old at most while the lab runs. Empty before."""

    _sweep = t.Dict().tag(sync=True)
    _fresh = t.Int(0).tag(sync=True)
    """Counts up when the page is to measure with players that remember nothing. It says back of which they are."""

    _settable: ClassVar[tuple[str, ...]] = (*Call._settable, *_TROUBLES)  # noqa: SLF001 - ours
    _hears_itself: ClassVar[bool] = True

    if (_STATIC / "lab.js").is_file():
        _esm = (_STATIC / "lab.js").read_text("utf-8")
        _css = (_STATIC / "lab.css").read_text("utf-8")

    def __init__(
        self,
        room: str = "lab",
        name: str | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
        timeslice: float = default(DEFAULT_TIMESLICE_MS),
        target_latency: float | None = default(None),
        source: str = default("pattern"),
        microphone: bool = default(True),
        camera: bool = default(True),
        auto_join: bool = default(False),
        delay_ms: float = default(0.0),
        jitter_ms: float = default(0.0),
        rate_kbps: float = default(0.0),
        stall_ms: float = default(0.0),
        **settings: Any,
    ) -> None:
        self._trouble = Trouble(self, lambda: self._follower.own_peers())  # noqa: PLW0108 - there is no follower yet
        self._sweeping = False
        super().__init__(
            room,
            name,
            url=url,
            token=token,
            timeslice=timeslice,
            target_latency=target_latency,
            source=source,
            microphone=microphone,
            camera=camera,
            auto_join=auto_join,
            **settings,
            **given({"delay_ms": delay_ms, "jitter_ms": jitter_ms, "rate_kbps": rate_kbps, "stall_ms": stall_ms}),
        )
        self.observe(self._trouble.changed, [*_TROUBLES, "peers", "state"])
        self.observe(self._note_reference, "peers")

    def close(self) -> None:
        """Stop measuring for good: nothing of this lab runs any more. Its cell says so, above the last chart."""
        self._trouble.close()
        super().close()

    def wait_for_page(self, timeout: float = 10.0) -> bool:
        """Wait until a page shows this lab, has joined and measures.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether it does. False under nbval and wherever else there is no browser: then there is nothing to sweep.
        """
        deadline_s = time.monotonic() + timeout
        while self._measured() is None:
            if time.monotonic() > deadline_s:
                return False
            time.sleep(_POLL_S)
        return True

    async def sweep(
        self,
        *,
        timeslice: int | Iterable[int] | None = None,
        target_latency: float | Iterable[float | None] | None = None,
        delay_ms: float | Iterable[float] | None = None,
        jitter_ms: float | Iterable[float] | None = None,
        rate_kbps: float | Iterable[float] | None = None,
        stall_ms: float | Iterable[float] | None = None,
        seconds: float = 8.0,
        settle: float = 3.0,
    ) -> Any:
        """Measure the latency at each of these values of one setting; the others stay as they are.

        Shows how far it is, draws the curve (in the lab and below the cell), and puts the setting back at the end,
        also when it is interrupted.

        Args:
            timeslice: Values to try, ms; one number is a sweep of one. Give this or one of the next five.
            target_latency: Values to try, ms; None is automatic.
            delay_ms: Values to try.
            jitter_ms: Values to try.
            rate_kbps: Values to try; 0 is no cap.
            stall_ms: Values to try.
            seconds: How long to measure each, 1 to 600.
            settle: Seconds to wait before that, at least. Each value begins with players that remember nothing. It is
                measured when their latency has been steady for 4 seconds, or 45 seconds later all the same.

        Returns:
            A row for each value, a pandas DataFrame where pandas is installed: the value, ``p50_ms`` and ``p95_ms``
            from capture to screen, the median of each hop, ``stalls``, the deepest ``queue_depth``, ``buffered_s``,
            how many ``samples`` there were, and whether playback had ``settled`` before (if not, there is a warning).

        Raises:
            TypeError: Not exactly one setting was given.
            InvalidValueError: A value that cannot be used, in words that say which can.
                Or it is sweeping already (``sweeping``).
            NothingReceivedError: No page shows this lab and has joined.
        """
        given = {
            "timeslice": timeslice,
            "target_latency": target_latency,
            "delay_ms": delay_ms,
            "jitter_ms": jitter_ms,
            "rate_kbps": rate_kbps,
            "stall_ms": stall_ms,
        }
        name, values = self._one_of(given)
        _check_seconds("seconds", seconds, MIN_SECONDS)
        _check_seconds("settle", settle, 0.0)
        unit = _UNITS.get(name, "ms")
        if self._sweeping:
            raise InvalidValueError("sweeping", "This lab is sweeping already: wait for that, or interrupt its cell.")
        self._sweeping = True
        before = getattr(self, name)
        rows: list[Row] = []
        progress = _Progress(len(values))
        try:
            peer_id = await self._first_figures()
            for value in values:
                now = f"{name.replace('_', ' ')} {words(value)} {unit}"
                self._tell(name, unit, rows, now, len(values))
                progress.show(len(rows), now)
                setattr(self, name, value)
                await self._taken_up(peer_id, name, value)
                settled = await self._settle(peer_id, settle, settle + SETTLE_WITHIN_S)
                rows.append(summary(name, value, await self._collect(peer_id, seconds), settled=settled))
        finally:
            self._sweeping = False
            try:
                setattr(self, name, before)  # refused where something else has been set meanwhile that forbids it
            finally:
                self._fresh += 1
                self._tell(name, unit, rows, "", len(values))
                progress.end(self._sweep["svg"], f"{len(rows)} of {len(values)} values measured.")
        if unsettled := [words(row[name]) for row in rows if not row["settled"]]:
            warnings.warn(
                f"Playback had not settled when {name} was {', '.join(unsettled)}: these rows may be too high. "
                "Close other programs, or sweep again with a longer settle.",
                stacklevel=2,
            )
        return table(rows)

    async def settle(self, timeout: float = 60.0) -> bool:  # noqa: ASYNC109 - as in every other wait of a call
        """Begin playback anew, and wait until its latency is that of the settings as they are now.

        The figures in ``latency`` then hold nothing from before. Use it when a setting was changed or trouble was made,
        before a figure is read.

        Args:
            timeout: Seconds to wait at most, 1 to 600.

        Returns:
            Whether playback has settled: its latency and its target were steady for 4 seconds, without a stall.

        Raises:
            InvalidValueError: ``bad-seconds``; or it is sweeping (``sweeping``).
            NothingReceivedError: No page shows this lab and has joined.

        Example:
            >>> lab.jitter_ms = 0
            >>> await lab.settle()
            True
            >>> lab.latency[lab.peers[0].id]["total"]
            {'p50': 198.0, 'p95': 214.0}
        """
        _check_seconds("timeout", timeout, MIN_SECONDS)
        if self._sweeping:
            raise InvalidValueError("sweeping", "This lab is sweeping: wait for that, or interrupt its cell.")
        return await self._settle(await self._first_figures(), 0.0, timeout)

    def _words(self) -> Still:
        return Still(
            title=f"Latency lab · room {self.room}",
            saved="A latency lab was here. Run the cell to measure again.",
            closed="This lab was closed. To measure again, run the cell that made it.",
            picture="lab",
        )

    def _chart(self) -> str:
        return str(self.last_chart)

    @t.validate(*_TROUBLES)
    def _check_trouble(self, proposal: Any) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        try:
            check_impairment({name: value, "stall_every_ms": STALL_EVERY_MS})
        except WireError as error:
            raise InvalidTraitError(error.code, error.message) from None
        return float(value)

    # -- sweeping --

    def _one_of(self, given: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """The setting that is swept, and its values, each as an assignment would take it."""
        chosen = {name: values for name, values in given.items() if values is not None}
        if len(chosen) != 1:
            raise TypeError(f"sweep() takes the values of one setting, one of {', '.join(given)}; not {len(chosen)}.")
        [(name, values)] = chosen.items()
        if isinstance(values, numbers.Real):
            values = [values]
        scalar = not isinstance(values, Iterable) or getattr(values, "shape", None) == ()
        if scalar or isinstance(values, str | bytes | Mapping):
            raise InvalidValueError(
                "bad-sweep", f"{name} must be a number or a list of numbers, as in {name}=[0, 50], not {values!r}."
            )
        # NumPy's numbers are Python's here: traits refuse some of them.
        values = [value.item() if hasattr(value, "item") else value for value in islice(values, MAX_VALUES + 1)]
        if not 1 <= len(values) <= MAX_VALUES:
            raise InvalidValueError("bad-sweep", f"{name} must be at least one value and at most {MAX_VALUES}.")
        trait = type(self).class_traits()[name]
        for value in values:
            try:
                trait._validate(self, value)  # noqa: SLF001 - as an assignment would, without making it
            except t.TraitError as error:
                if isinstance(error, InvalidValueError):
                    raise
                raise InvalidTraitError("bad-setting", str(error)) from None
        return name, values

    def _note_reference(self, _change: object) -> None:
        known = [peer.figures["webrtc_ms"] for peer in self.peers if "webrtc_ms" in peer.figures]
        if known and known[0] != self.webrtc_ms:
            self.set_trait("webrtc_ms", known[0])

    def _measured(self) -> str | None:
        """Whose stream is measured: one's own, or of whoever is first; None while nothing is shown."""
        return next((peer.id for peer in self.peers if peer.figures.get("latency_ms", -1) >= 0), None)

    def _figures(self, peer_id: str) -> Mapping[str, float]:
        return next((peer.figures for peer in self.peers if peer.id == peer_id), {})

    async def _first_figures(self) -> str:
        deadline_s = time.monotonic() + _FIRST_FIGURES_S
        while (peer := self._measured()) is None:
            if time.monotonic() > deadline_s:
                raise NothingReceivedError(
                    "nothing-received",
                    f"Nothing is being received in room {self.room!r}, so there is nothing to measure: "
                    "show the lab in a cell, press Join, and sweep again.",
                )
            await asyncio.sleep(_POLL_S)
        return peer

    async def _taken_up(self, peer_id: str, name: str, value: Any) -> None:
        """Wait until what is sent has the new timeslice; other settings need no word from the page."""
        deadline_s = time.monotonic() + _TAKEN_UP_S
        while name == "timeslice" and not any(
            track.get("timeslice_ms") == value for peer in self.peers if peer.id == peer_id for track in peer.tracks
        ):
            if time.monotonic() > deadline_s:
                raise NothingReceivedError(
                    "nothing-received",
                    f"The page has not taken up a timeslice of {value} ms: is the lab still open and joined?",
                )
            await asyncio.sleep(_POLL_S)

    async def _settle(self, peer_id: str, least_s: float, within_s: float) -> bool:
        """Have the page measure with players that remember nothing, and wait until they have found their pace.

        What stalls have taught a player it forgets slowly, and sooner if it begins anew: a stall at the start can be
        chance.

        Returns:
            Whether they have in time.
        """
        deadline_s = time.monotonic() + within_s
        settling = None
        starts = 0
        while settling is None or not settling.settled:
            if settling is None or (settling.learnt_ms > WORTH_A_START_MS and starts < MAX_STARTS):
                await self._in_step(deadline_s)
                self._fresh += 1
                settling = Settling(self._fresh, least_s)
                starts += 1
            if time.monotonic() > deadline_s:
                return False
            await asyncio.sleep(_POLL_S)
            settling.hear(time.monotonic(), self._figures(peer_id))
        return True

    async def _in_step(self, deadline_s: float) -> None:
        """Wait until the relay does what the settings say: new players are to see nothing of the old trouble."""
        while not self._trouble.in_step and time.monotonic() < deadline_s:  # noqa: ASYNC110 - a thread's word, no event
            await asyncio.sleep(_POLL_S)

    async def _collect(self, peer_id: str, seconds: float) -> list[Mapping[str, float]]:
        """Each report of the next seconds. It comes to the kernel past the cell that waits here."""
        samples: list[Mapping[str, float]] = []
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            figures = self._figures(peer_id)
            if figures and (not samples or figures != samples[-1]):
                samples.append(figures)
            await asyncio.sleep(_POLL_S)
        return samples

    def _tell(self, name: str, unit: str, rows: list[Row], now: str, count: int) -> None:
        svg = draw(name, unit, rows, self.webrtc_ms) if rows else ""
        self._sweep = {"done": len(rows), "of": count, "now": now, "svg": svg}


class _Progress:
    """How far a sweep is: a bar below the cell that becomes the curve; lines of text where there is no notebook.

    Not a widget, so that nothing is left in the notebook which needs a kernel to be seen.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._handle: Any = None
        from IPython import get_ipython  # noqa: PLC0415 - ipywidgets has it; a plain script pays for it here only

        shell = get_ipython()
        self._in_notebook = shell is not None and hasattr(shell, "kernel")

    def show(self, done: int, now: str) -> None:
        text = f"Sweep: {now} ({done + 1} of {self._count})"
        if not self._in_notebook:
            print(text, file=sys.stderr)  # noqa: T201
            return
        bar = f'<progress max="{self._count}" value="{done}"></progress> {escape(text)}'
        self._put({"text/html": bar, "text/plain": text})

    def end(self, svg: str, text: str) -> None:
        if self._handle is not None:
            # As HTML it takes the page's colour of text, light or dark; the plain SVG is for whoever strips HTML.
            drawn = {"text/html": svg, "image/svg+xml": svg} if svg else {}
            self._put({**drawn, "text/plain": text})

    def _put(self, bundle: dict[str, str]) -> None:
        from IPython.display import display  # noqa: PLC0415 - as above

        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)


def _check_seconds(name: str, value: float, least: float) -> None:
    known = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (known and math.isfinite(value) and least <= value <= MAX_SECONDS):
        raise InvalidValueError("bad-seconds", f"{name} must be a number from {least:g} to {MAX_SECONDS:g}.")
