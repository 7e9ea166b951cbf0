"""What the relay writes to its log, for people or for programs.

A record may carry ``extra={"fields": {...}}``: in text they follow the message as ``name=value``, in JSON they are keys
of the one object a line is. Values are quoted, so that no line can be forged; secrets are never among them, and neither
are messages that repeat what a client sent.
"""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from math import inf

CLIENT_LINES_PER_S = 50
"""What all clients together may make the relay write; the rest is counted, and its number in the next line."""


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


class ClientLog:
    """Lines that clients cause."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._second = -inf
        self._lines = 0
        self._suppressed = 0

    def info(self, message: str, **fields: object) -> None:
        """Write one, if there have not been too many within this second."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines >= CLIENT_LINES_PER_S:
            self._suppressed += 1
            return
        self._lines += 1
        if self._suppressed:
            fields["suppressed"], self._suppressed = self._suppressed, 0
        known = {name: value for name, value in fields.items() if value is not None}
        self._logger.info(message, extra={"fields": known})
