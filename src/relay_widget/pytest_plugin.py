"""The pytest plugin: a relay, a room and fake peers for tests of calls; under ``--nbval`` a relay of the run's own.

pytest loads it at every start, also where no test has a call: so nothing is imported here that a fixture can import
when it is asked for.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import zlib
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .launcher import RelayAddress
    from .peer import Peer

_own_relay = pytest.StashKey[Path]()
_ROOM_CHARS = 40
_SMALL = {"width": 320, "height": 240, "fps": 15}


def pytest_configure(config: pytest.Config) -> None:
    """Under nbval, notebooks must not come into the calls that the user is in, nor leave a relay behind."""
    if config.getoption("nbval", default=False) or config.getoption("nbval_lax", default=False):
        _set_apart(config)


@pytest.fixture
def relay(pytestconfig: pytest.Config) -> RelayAddress:
    """A running relay that only this test run knows: `url`, `pid` and `secret`.

    It is a process of its own on a free port, shared by all tests of the run, found by every ``Call`` and ``Peer`` that
    is made in this process or in one that it starts, and ended with the run.
    """
    _set_apart(pytestconfig)
    from .launcher import ensure_relay  # noqa: PLC0415 - see above

    return ensure_relay()


@pytest.fixture
def call_room(request: pytest.FixtureRequest) -> str:
    """The name of a room that no other test uses, on the run's own relay: ``Call(room=call_room)``.

    The same for the same test each time, so that what is shown of a call can be compared.
    """
    request.getfixturevalue("relay")
    name = re.sub(r"\W+", "-", request.node.name)[:_ROOM_CHARS]
    return f"{name}-{zlib.crc32(request.node.nodeid.encode()):08x}"


@pytest.fixture
def fake_peer(call_room: str) -> Iterator[Callable[..., Peer]]:
    """Makes participants without browser or camera: ``fake_peer("Ada")`` joins the test's room and sends a pattern.

    Its first argument is the name, default ``"Ada"``; ``room`` is another room than `call_room`. All others are those
    of ``Peer.publish_pattern``, with 320x240 at 15 pictures a second unless told otherwise; the ``seed``, default 0,
    decides each picture and the tone by their number. It is in the room when the call returns, its tracks follow at
    once, and it leaves when the test is over.

    Raises:
        MissingExtraError: The extra ``media`` is not installed.
    """
    with ExitStack() as joined:

        def join(name: str = "Ada", *, room: str = call_room, **pattern: Any) -> Peer:
            from .extras import require  # noqa: PLC0415 - see above

            require("media")
            from .peer import Peer  # noqa: PLC0415 - see above

            peer = joined.enter_context(Peer(room, name))
            peer.publish_pattern(**{**_SMALL, **pattern})
            return peer

        yield join


def _set_apart(config: pytest.Config) -> None:
    """From now to the end of the run, this process and those it starts have a relay of their own."""
    if _own_relay in config.stash:
        return
    from .launcher import RUNTIME_DIR_VARIABLE  # noqa: PLC0415 - see above
    from .relays import URL_VARIABLE  # noqa: PLC0415 - see above

    folder = config.stash[_own_relay] = Path(tempfile.mkdtemp(prefix="relay-widget-"))
    environment = pytest.MonkeyPatch()
    environment.setenv(RUNTIME_DIR_VARIABLE, str(folder))
    environment.delenv(URL_VARIABLE, raising=False)
    config.add_cleanup(environment.undo)
    config.add_cleanup(partial(_end_relay, folder))


def _end_relay(folder: Path) -> None:
    """End the run's relay and take its folder away: this one, whatever a test has made of the environment."""
    from .launcher import end_relay, runtime_file  # noqa: PLC0415 - see above

    monitor = sys.modules.get("relay_widget.monitor")
    if monitor is not None:
        monitor.shared_monitor().stop()  # a call that a test has left open would have the relay started again
    end_relay(folder / runtime_file().name)
    shutil.rmtree(folder, ignore_errors=True)
