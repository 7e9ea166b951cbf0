from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.relay_process import RelayProcess

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def relay() -> Iterator[RelayProcess]:
    """A relay that asks for no token."""
    with RelayProcess(("--no-auth",)) as process:
        yield process
