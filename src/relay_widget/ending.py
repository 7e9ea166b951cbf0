"""Ends tasks for certain, though a library may swallow a cancellation.

On Python 3.11 ``asyncio.wait_for`` returns its result and loses the cancellation where both come in one turn of the
loop: when the whole process has stood still, for instance (a lid that was closed). A task that goes on for ever is then
never ended by one ``cancel()``, and a ``TaskGroup`` with such a task never ends.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

AGAIN_S = 1.0
"""How long a task may take to tidy up before it is cancelled again."""
GIVE_UP_S = 5.0

_log = logging.getLogger(__name__)


def is_cancelled() -> bool:
    """Whether the task that asks has been cancelled, even if the cancellation itself was swallowed.

    A loop that goes on for ever asks it in each turn.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel these tasks, again and again, until they have ended; after `GIVE_UP_S` it is logged that they have not."""
    pending = {task for task in tasks if not task.done()}
    for _ in range(round(GIVE_UP_S / AGAIN_S)):
        for task in pending:
            task.cancel()
        if pending:
            _, pending = await asyncio.wait(pending, timeout=AGAIN_S)
    for task in tasks:
        if task in pending:
            _log.error("%s does not end", task)
        elif not task.cancelled() and (error := task.exception()) is not None:
            _log.debug("%s failed", task, exc_info=error)


async def run_together(*works: Coroutine[Any, Any, Any]) -> None:
    """Do all of these at once until the first returns or fails, and end the others.

    Raises:
        BaseException: What the first has failed with.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await end(*tasks)
