"""A kernel without any page: every public method works or says what is missing, and none waits for ever."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import KernelManager

from relay_widget import (
    Call,
    InvalidValueError,
    LatencyLab,
    NothingReceivedError,
    PeersTimeoutError,
    RelayRequestError,
    launcher,
)

from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def lab(runtime: Path) -> Iterator[LatencyLab]:
    made = LatencyLab(room="alone", name="Ada", auto_join=True)
    yield made
    made.close()


WORKS: dict[str, Callable[[LatencyLab], Any]] = {
    "join": lambda lab: lab.join(),
    "leave": lambda lab: lab.leave(),
    "invite": lambda lab: lab.invite("Grace"),
    "invite_link": lambda lab: lab.invite_link("Grace"),
    "latency_frame": lambda lab: lab.latency_frame(),
    "wait_for_page": lambda lab: lab.wait_for_page(timeout=0.1),
    "open": lambda lab: lab.open(),
    "close": lambda lab: lab.close(),
}
SAYS: dict[str, tuple[Callable[[LatencyLab], Any], type[Exception], str]] = {
    "wait_for_peers": (lambda lab: lab.wait_for_peers(1, timeout=0.1), PeersTimeoutError, "join, or wait longer"),
    "impair": (lambda lab: lab.impair(delay_ms=100), RelayRequestError, "'alone'"),
    "mute": (lambda lab: lab.mute("me"), InvalidValueError, "join it first"),
    "unmute": (lambda lab: lab.unmute("Grace"), InvalidValueError, "nobody else"),
    "remove": (lambda lab: lab.remove("Grace"), InvalidValueError, "nobody else"),
    "lock": (lambda lab: lab.lock(), RelayRequestError, "'alone'"),
    "unlock": (lambda lab: lab.unlock(), RelayRequestError, "'alone'"),
    "frames": (lambda lab: lab.frames(), InvalidValueError, "Nobody else"),
    "snapshot": (lambda lab: lab.snapshot(), InvalidValueError, "Nobody else"),
    "on_frame": (lambda lab: lab.on_frame(print), InvalidValueError, "Nobody else"),
    "publish_processed": (lambda lab: lab.publish_processed(lambda rgb: rgb), InvalidValueError, "Nobody else"),
    "end": (lambda lab: lab.end(), RelayRequestError, "'alone'"),
    "sweep": (lambda lab: asyncio.run(lab.sweep(timeslice=[20])), NothingReceivedError, "show the lab in a cell"),
    "settle": (lambda lab: asyncio.run(lab.settle()), NothingReceivedError, "show the lab in a cell"),
}


def public_methods() -> set[str]:
    ours = [kind for kind in LatencyLab.__mro__ if kind.__module__.startswith("relay_widget.")]
    return {name for kind in ours for name, value in vars(kind).items() if inspect.isfunction(value) and name[0] != "_"}


def test_every_public_method_is_tried_here() -> None:
    assert public_methods() | {"open"} == WORKS.keys() | SAYS.keys() | {"record"}  # that is ipywidgets' own


@pytest.mark.parametrize("name", WORKS)
def test_it_works(lab: LatencyLab, name: str) -> None:
    WORKS[name](lab)


def test_it_records(lab: LatencyLab, tmp_path: Path) -> None:
    with lab.record(tmp_path / "talk.relay") as recorder:
        assert recorder.recording
    assert recorder.error is None


@pytest.mark.parametrize("name", SAYS)
def test_it_says_what_is_missing(lab: LatencyLab, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay_widget.lab._FIRST_FIGURES_S", 0.2)
    act, kind, words = SAYS[name]
    with pytest.raises(kind, match=words):
        act(lab)


def test_waiting_for_peers_has_an_end_unless_none_is_asked_for() -> None:
    assert inspect.signature(Call.wait_for_peers).parameters["timeout"].default == 60


def test_what_a_cell_shows_is_the_same_each_time(runtime: Path) -> None:
    shown = set()
    for _ in range(2):
        call, lab = Call(room="same", name="Ada"), LatencyLab(room="same", name="Ada")
        bundles = [widget._repr_mimebundle_() for widget in (call, lab)]
        shown.add(tuple(bundle[0]["text/plain"] for bundle in bundles if bundle is not None))
        call.close()
        lab.close()
    assert shown == {("Call(room='same', name='Ada')", "LatencyLab(room='same', name='Ada')")}


def test_a_program_that_leaves_its_call_open_ends_quietly_and_at_once(runtime: Path) -> None:
    code = "from relay_widget import Call; c = Call(room='lab', auto_join=True); c.join(); print(c.state)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert (ended.stdout, ended.stderr) == ("idle\n", "")


def test_a_kernel_that_leaves_its_call_open_ends_quietly_and_so_does_its_relay(own_runtime: Path) -> None:
    code = """
from relay_widget import Call, launcher
launcher.IDLE_TIMEOUT_S = 1
call = Call(auto_join=True)
call.lock()  # is refused in an empty room, by the relay
"""
    manager = KernelManager()
    log = own_runtime / "kernel.log"
    with log.open("wb") as file:
        manager.start_kernel(stdout=file, stderr=file)
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        reply = client.execute_interactive(code, timeout=60, output_hook=lambda _: None)
        assert reply["content"]["ename"] == "RelayRequestError"
        assert launcher.find_relay() is not None
        client.stop_channels()
        manager.shutdown_kernel()
    assert [line for line in log.read_text().splitlines() if "[IPKernelApp]" not in line] == []
    wait_until(lambda: not launcher.runtime_file().exists())
