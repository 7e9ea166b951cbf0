"""What the relay does by itself twice a second.

It measures how late it is, ends who says or reads nothing, and keeps what it holds within its bound.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from relay_widget.ending import is_cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PULSE_S = 0.5

_log = logging.getLogger(__name__)


class Pulse:
    """Run it as a task.

    Args:
        silent_sessions: Gives the Engine.IO sessions that have not been let in by Socket.IO's CONNECT.
        end_session: Ends one that has had its time.
        connect_s: How long that is.
        on_lag: Called with the seconds that the event loop was late.
        end_stalled: Ends who has read nothing for too long, within so many seconds.
        free_memory: Keeps no more for late joiners than is to be kept.
    """

    def __init__(
        self,
        silent_sessions: Callable[[], Iterable[str]],
        end_session: Callable[[str], None],
        connect_s: float,
        *,
        on_lag: Callable[[float], None],
        end_stalled: Callable[[float], None],
        free_memory: Callable[[], None],
    ) -> None:
        self._silent_sessions = silent_sessions
        self._end_session = end_session
        self._connect_s = connect_s
        self._on_lag = on_lag
        self._end_stalled = end_stalled
        self._free_memory = free_memory
        self._silent_since_s: dict[str, float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while not is_cancelled():
            due_s = loop.time() + PULSE_S
            await asyncio.sleep(PULSE_S)
            now_s = loop.time()
            try:
                self._on_lag(max(0.0, now_s - due_s))
                self.end_silent(now_s)
                self._end_stalled(PULSE_S)
                self._free_memory()
            except Exception:  # noqa: BLE001 - logged, and not to be the last beat
                _log.exception("a beat of the relay failed")

    def end_silent(self, now_s: float) -> None:
        """End the sessions that have been silent for too long."""
        since_s = self._silent_since_s
        self._silent_since_s = {session: since_s.get(session, now_s) for session in self._silent_sessions()}
        for session, first_s in self._silent_since_s.items():
            if now_s - first_s >= self._connect_s:
                self._end_session(session)
