"""Numbers behind names that nobody chose, so that two participants of one user can be told apart."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING

from relay_widget.protocol import MAX_NAME_CHARS
from relay_widget.tidy import tidy

if TYPE_CHECKING:
    from collections.abc import Collection

_NUMBERED = re.compile(r"(.*\S) ([2-9]|[1-9][0-9]{1,3})")


def numbered(name: str, taken: Collection[str]) -> str:
    """This name if it is free, else the first that is: without its number, then with 2, with 3 and so on.

    Args:
        name: The name asked for. Somebody who comes back asks for the name that it had, number and all.
        taken: The names of the others.
    """
    if name not in taken:
        return name
    found = _NUMBERED.fullmatch(name)
    stem = name if found is None else found[1]
    if stem not in taken:
        return stem
    for number in count(2):
        suffix = f" {number}"
        candidate = tidy(stem[: MAX_NAME_CHARS - len(suffix)]) + suffix
        if candidate not in taken:
            return candidate
    raise AssertionError("there are more numbers than names")
