"""What this Python sees: itself, and the relay, by every way that it is used. Nothing here has words for people."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import sys
import threading
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relay_widget.background import ThreadLoop
from relay_widget.clock import RelayClock, local_ms
from relay_widget.errors import RelayStartError
from relay_widget.launcher import sharing_advice
from relay_widget.monitor import standings
from relay_widget.protocol import PROTOCOL_VERSION, Event
from relay_widget.relays import find_or_start, http_session, shown_proxy, socketio_path

from .rows import Answer, CallFact, Clock, Facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relay_widget.relays import NamedRelay, Relay

STATIC = Path(__file__).parents[1] / "static"
_PACKAGES = (
    "relay-widget",
    "jupyterlab",
    "notebook",
    "ipywidgets",
    "anywidget",
    "ipykernel",
    "python-socketio",
    "aiohttp",
)
_TIMEOUT_S = 5.0
_CLOCK_EXCHANGES = 5
_CLOCK_GAP_S = 0.03
_END_TIMEOUT_S = 1.0
"""A connection by long polling ends only with its last poll, which may be half a minute away."""
_MAX_HEALTH_BYTES = 64_000


def look(named: NamedRelay | None = None) -> tuple[Facts, Relay | None]:
    """Look at everything that can be seen without a page. Takes a second; up to half a minute where nothing answers.

    Args:
        named: The relay that was named; None for the user's own, which is started if need be.

    Returns:
        The facts, and the relay that they are about; None if there is none and none could be started.
    """
    start: Answer | None = None
    relay: Relay | None = None
    try:
        relay = find_or_start(named)
    except RelayStartError as error:
        start = Answer(error.code, error.message)
    found = {} if relay is None else _in_a_thread(relay.url, relay.ticket("doctor")["token"])
    facts = Facts(
        python=f"Python {platform.python_version()} on {platform.system()}",
        place=_place(os.environ, sys.modules),
        versions={name: _version(name) for name in _PACKAGES},
        frontend_built=(STATIC / "doctor.js").is_file(),
        url="" if relay is None else relay.url,
        proxy="" if relay is None else shown_proxy(relay.url),
        start=start,
        elsewhere="" if relay is None or relay.explicit else sharing_advice(),
        calls=tuple(CallFact(one.call, one.code, one.message) for one in standings()),
        **found,
    )
    return facts, relay


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _place(environment: Mapping[str, str], modules: Mapping[str, Any]) -> str:
    """In what this Python runs."""
    if "COLAB_RELEASE_TAG" in environment:
        return "Colab"
    if "marimo" in modules and "ipykernel" not in modules:
        return "marimo"
    if "ipykernel" not in modules:
        return "no notebook"
    where = "a kernel of VS Code" if "VSCODE_PID" in environment else "a Jupyter kernel"
    if prefix := environment.get("JUPYTERHUB_SERVICE_PREFIX"):
        return f"{where} of a JupyterHub ({prefix})"
    return where


def _in_a_thread(url: str, token: str) -> dict[str, Any]:
    """A kernel's own thread has an event loop already."""
    found: dict[str, Any] = {}
    thread = threading.Thread(target=lambda: found.update(ThreadLoop().run(_look_at_relay(url, token))))
    thread.start()
    thread.join()
    return found


async def _look_at_relay(url: str, token: str) -> dict[str, Any]:
    health, relay = await _ask_health(url)
    websocket, clock = await _connect(url, token, "websocket")
    polling = None
    if not websocket.reached:
        polling, clock = await _connect(url, token, "polling")
    if not health.reached and (websocket.reached or (polling is not None and polling.reached)):
        health = Answer("no-health", health.message, health.took_ms)
    return {"health": health, "relay": relay, "websocket": websocket, "polling": polling, "clock": clock}


async def _ask_health(url: str) -> tuple[Answer, Mapping[str, Any] | None]:
    import aiohttp  # noqa: PLC0415 - 0.3 s that importing the package need not take

    began_s = time.perf_counter()

    def answer(code: str, message: str = "") -> Answer:
        return Answer(code, message, (time.perf_counter() - began_s) * 1000)

    try:
        async with (
            http_session(url, timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)) as session,
            session.get(f"{url.rstrip('/')}/healthz") as response,
        ):
            body = await response.content.read(_MAX_HEALTH_BYTES)
            status = response.status
    except aiohttp.ClientConnectorCertificateError as error:
        return answer("certificate", str(error.certificate_error)), None
    except TimeoutError:
        return answer("relay-unreachable", f"no answer in {_TIMEOUT_S:g} s"), None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return answer("relay-unreachable", str(error) or type(error).__name__), None
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if isinstance(said, dict) and said.get("service") == "relay-widget":
        if said.get("status") == "ending":
            return answer("relay-ending", "The relay is about to end."), said
        return answer("ok"), said
    if isinstance(said, dict) and isinstance(said.get("code"), str) and isinstance(said.get("message"), str):
        return answer(said["code"], said["message"]), None
    return answer("not-a-relay", f"it says {status} to /healthz"), None


async def _connect(url: str, token: str, transport: str) -> tuple[Answer, Clock | None]:
    """Connect as a participant does, compare clocks, and go."""
    import socketio  # noqa: PLC0415 - as above

    refusals: list[Any] = []
    client = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=lambda: http_session(url))
    client.on("connect_error", refusals.append)
    auth = {"protocol": PROTOCOL_VERSION, "token": token} if token else {"protocol": PROTOCOL_VERSION}
    began_s = time.perf_counter()
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            await client.connect(
                url,
                auth=auth,
                transports=[transport],
                socketio_path=socketio_path(url),
                wait_timeout=_TIMEOUT_S,
            )
        took_ms = (time.perf_counter() - began_s) * 1000
        return Answer("ok", "", took_ms), await _compare_clocks(client)
    except Exception as error:  # noqa: BLE001 - whatever a program that is no relay makes the library stumble over
        took_ms = (time.perf_counter() - began_s) * 1000
        why = next((one["data"] for one in refusals if isinstance(one, dict) and "code" in one.get("data", ())), None)
        if why is not None:
            return Answer(str(why["code"]), str(why.get("message", "")), took_ms), None
        said = f"no answer in {_TIMEOUT_S:g} s" if isinstance(error, TimeoutError) else str(error)
        return Answer("relay-unreachable", said or type(error).__name__, took_ms), None
    finally:
        with contextlib.suppress(Exception):  # it may not have come up at all
            async with asyncio.timeout(_END_TIMEOUT_S):
                await client.disconnect()


async def _compare_clocks(client: Any) -> Clock | None:
    import socketio  # noqa: PLC0415 - as above

    clock = RelayClock()
    try:
        for _ in range(_CLOCK_EXCHANGES):
            asked_ms = local_ms()
            ack = await client.call(Event.CLOCK, asked_ms, timeout=_TIMEOUT_S)
            clock.add(asked_ms, ack["now_ms"], local_ms())
            await asyncio.sleep(_CLOCK_GAP_S)
    except (socketio.exceptions.SocketIOError, KeyError, TypeError):
        return None
    here_ms = local_ms()
    return Clock(clock.to_relay_ms(here_ms) - here_ms, clock.error_ms)
