from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.relay_process import RelayProcess


@pytest.fixture
def relay(open_relay: RelayProcess) -> RelayProcess:
    """A relay that asks for no token."""
    return open_relay
