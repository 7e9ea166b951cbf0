from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

_rooms = count(1)


@pytest.fixture(scope="session")
def relay() -> Iterator[RelayProcess]:
    """A relay that wants tokens. Whatever the tests do to it, it must not stumble."""
    with RelayProcess() as process:
        yield process
        assert process.process.poll() is None, process.log
        assert process.log == ""


@pytest.fixture(scope="session")
def open_relay() -> Iterator[RelayProcess]:
    """A relay that wants none."""
    with RelayProcess(("--no-auth", "--allow-origin", "https://lab.example", "--allow-host", "lab.example")) as process:
        yield process
        assert process.process.poll() is None, process.log
        assert process.log == ""


@pytest.fixture
def room() -> str:
    """A room that no other test uses."""
    return f"room {next(_rooms)}"
