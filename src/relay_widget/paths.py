"""A path that a user has given."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InvalidValueError


def as_path(given: object) -> Path:
    """Return a path that was given as text, bytes or a path, with ``~`` made the home folder.

    All else in it is part of a name, be it a colon, a percent sign, a star or a question mark.

    Args:
        given: As in ``"~/talks/2026-11-30T10:30.mp4"``.

    Raises:
        InvalidValueError: (``bad-path``) It is no path.
    """
    if not isinstance(given, (str, bytes, os.PathLike)):
        raise InvalidValueError(
            "bad-path", f"A file is given by its path, as in 'talks/monday.mp4', not as {type(given).__name__}."
        )
    text = os.fsdecode(given)
    if not text.strip() or "\0" in text:
        raise InvalidValueError("bad-path", f"{text!r} is no path of a file: give one, as in 'talks/monday.mp4'.")
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path's own refuses names such as ~draft.mp4
