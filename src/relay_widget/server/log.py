"""What the relay writes to its log, for people or for programs.

A record may carry ``extra={"fields": {...}}``: in text they follow the message as ``name=value``, in JSON they are keys
of the one object a line is. Values are quoted, so that no line can be forged; secrets are never among them, and neither
are messages that repeat what a client sent.
"""

from __future__ import annotations

import json
import logging
import re
import time
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

CLIENT_LINES_AT_ONCE = 100
CLIENT_LINES_PER_S = 4
"""What all clients together may make the relay write; the rest is counted, and its number in the next line."""
MISTAKES_AT_ONCE = 5
MISTAKES_PER_S = 0.2
"""The same for tracebacks."""
FOREIGN_LINES_AT_ONCE = 10
FOREIGN_LINES_PER_S = 1
FOREIGN_CHARS = 200
"""The same for libraries, and how long such a line may be."""
_SECRET = re.compile(r"[\w-]{4,}\.[\w-]{4,}\.[\w-]{4,}|[\w-]{24,}")
"""A token, or something else that is long and may be one."""


class TextFormatter(logging.Formatter):
    """A line for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line without a traceback."""
        fields = getattr(record, "fields", {})
        return super().formatMessage(record) + "".join(f" {name}={json.dumps(value)}" for name, value in fields.items())


class JsonFormatter(logging.Formatter):
    """A JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class Allowance:
    """How many lines may be written: so many at once, and so many a second after that."""

    def __init__(self, at_once: int, per_s: float) -> None:
        self._at_once = at_once
        self._per_s = per_s
        self._left = float(at_once)
        self._at_s = -inf
        self._suppressed = 0

    def take(self) -> int | None:
        """How many were held back before this one; None if it is held back, too."""
        now_s = time.monotonic()
        self._left = min(self._at_once, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            self._suppressed += 1
            return None
        self._left -= 1
        held, self._suppressed = self._suppressed, 0
        return held


class ClientLog:
    """Lines that clients cause."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._allowance = Allowance(CLIENT_LINES_AT_ONCE, CLIENT_LINES_PER_S)
        self._mistakes = Allowance(MISTAKES_AT_ONCE, MISTAKES_PER_S)

    def mistake(self, error: Exception, message: str, **fields: object) -> None:
        """Write a mistake of ours that a client has found."""
        held = self._mistakes.take()
        if held is not None:
            known = {**fields, "suppressed": held} if held else fields
            self._logger.error(message, exc_info=error, extra={"fields": known})

    def info(self, message: str, **fields: object) -> None:
        """Write one, if there have not been too many."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        held = self._allowance.take()
        if held is None:
            return
        known = {name: value for name, value in fields.items() if value is not None}
        if held:
            known["suppressed"] = held
        self._logger.info(message, extra={"fields": known})


class ForeignLines(logging.Filter):
    """Bounds what libraries write, on a handler: they repeat what strangers send, tokens too, as often as it comes."""

    def __init__(self) -> None:
        super().__init__()
        self._allowance = Allowance(FOREIGN_LINES_AT_ONCE, FOREIGN_LINES_PER_S)

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten it, or leave it out."""
        if record.name.partition(".")[0] == __name__.partition(".")[0]:
            return True
        held = self._allowance.take()
        if held is None:
            return False
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f" ({type(record.exc_info[1]).__name__} at {_place(record.exc_info[2])})"
        clean = _SECRET.sub("…", text.encode("ascii", "backslashreplace").decode()).replace("\n", " ")
        record.msg, record.args = clean[:FOREIGN_CHARS], ()
        record.exc_info = record.exc_text = record.stack_info = None
        if held:
            record.fields = {"suppressed": held}
        return True


def _place(traceback: TracebackType | None) -> str:
    """Where an exception was raised."""
    if traceback is None:
        return "an unknown place"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"
