from __future__ import annotations

import asyncio
import io
import json
import logging
from typing import Any

import pytest
import socketio

from relay_widget.server.log import (
    CLIENT_LINES_AT_ONCE,
    FOREIGN_CHARS,
    ClientLog,
    ForeignLines,
    JsonFormatter,
    TextFormatter,
)
from tests.relay_process import RelayProcess

from .clients import TIMEOUT_S, Client


def lines(relay: RelayProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in relay.log.splitlines()]


async def until_written(relay: RelayProcess, word: str) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while word not in await asyncio.to_thread(lambda: relay.log):
            pass


@pytest.mark.process
async def test_a_program_reads_who_came_and_what_was_refused() -> None:
    with RelayProcess(("--log-format", "json", "--log-level", "info", "--grace", "0.1")) as relay:
        auth = relay.auth()
        async with Client() as ada:
            await ada.connect(relay.url, auth)
            ack = await ada.join("lab")
            await ada.ask("rename", {"name": ""})
            await ada.ask('x"\n{"level": "error"}' + "y" * 100)
            with pytest.raises(socketio.exceptions.ConnectionError):
                await Client().connect(relay.url, {"token": "x.secret.y", "protocol": 1})
            assert relay.get("/", {"Host": "evil.example"})[0] == 403
        await until_written(relay, "disconnected")
        assert await asyncio.to_thread(relay.end) == 0
        written = lines(relay)
        assert [line["message"] for line in written if line["logger"].startswith("relay_widget")] == [
            "listening", "connected", "refused", "refused", "refused", "refused", "disconnected", "ending", "totals",
        ]  # fmt: skip
        connected, refused, gone = written[1], [line for line in written if line["message"] == "refused"], written[6]
        assert (connected["address"], connected["connections"]) == ("127.0.0.1", 1)
        assert [line["code"] for line in refused] == ["bad-name", "bad-message", "bad-token", "forbidden"]
        assert (refused[0]["peer"], refused[0]["room"], refused[0]["event"]) == (ack["peer"], "lab", "rename")
        assert (gone["peer"], gone["connections"]) == (ack["peer"], 0)
        assert gone["reason"] in ("client-disconnect", "transport-close")
        # Words of the relay's own only: what was sent is not repeated.
        assert [line.get("reason") for line in refused] == [None, None, None, "host"]
        assert "event" not in refused[1]
        for secret in (relay.secret, auth["token"], ack["resume"], "x.secret.y"):
            assert secret not in relay.log


@pytest.mark.process
async def test_people_read_one_line_each() -> None:
    with RelayProcess(("--log-level", "info")) as relay:
        async with Client() as ada:
            await ada.connect(relay.url, relay.auth())
            await ada.ask("leave")
        await until_written(relay, "disconnected")
        refused = next(line for line in relay.log.splitlines() if " refused" in line)
        assert 'code="not-joined" event="leave"' in refused


def log_to_text(formatter: logging.Formatter) -> tuple[logging.Logger, io.StringIO]:
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(formatter)
    logger = logging.Logger("test", logging.INFO)  # noqa: LOG001 - one that nobody else has
    logger.addHandler(handler)
    return logger, text


def test_a_flood_of_lines_is_counted_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("relay_widget.server.log.time.monotonic", lambda: now_s)
    logger, text = log_to_text(JsonFormatter())
    log = ClientLog(logger)
    for _ in range(CLIENT_LINES_AT_ONCE + 30):
        log.info("refused", code="too-fast", nothing=None)
    assert len(text.getvalue().splitlines()) == CLIENT_LINES_AT_ONCE
    now_s += 1
    log.info("refused", code="too-fast")
    log.info("refused", code="too-fast")
    first, second = map(json.loads, text.getvalue().splitlines()[-2:])
    assert first["suppressed"] == 30
    assert "suppressed" not in second
    assert "nothing" not in first


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()], ids=["text", "json"])
def test_a_mistake_of_ours_has_its_traceback(formatter: logging.Formatter) -> None:
    logger, text = log_to_text(formatter)
    try:
        1 / 0  # noqa: B018 - a mistake
    except ZeroDivisionError:
        logger.exception("failed", extra={"fields": {"event": "join"}})
    assert "ZeroDivisionError" in text.getvalue()
    assert "join" in text.getvalue()


def test_what_libraries_write_is_short_seldom_and_without_tokens() -> None:
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(ForeignLines())
    logger = logging.Logger("aiohttp.server")  # noqa: LOG001 - as above
    logger.addHandler(handler)
    for _ in range(1000):
        try:
            int("eyJhbGciOi.eyJyb2xlIjoi.c2lnbmF0dXJl")
        except ValueError:
            logger.exception("Cannot read %s\nforged", "Cookie: " + "c2VjcmV0" * 900)
    first, *others = map(json.loads, text.getvalue().splitlines())
    assert first["message"] == "Cannot read Cookie: … forged (ValueError at test_log.py:" + first["message"][-4:]
    assert len(others) < 20
    assert all(len(line["message"]) <= FOREIGN_CHARS and "exception" not in line for line in (first, *others))


def test_nobody_forges_a_line() -> None:
    logger, text = log_to_text(TextFormatter())
    ClientLog(logger).info("refused", room="lab\n2026 ERROR forged")
    assert text.getvalue().endswith(' refused room="lab\\n2026 ERROR forged"\n')
    assert len(text.getvalue().splitlines()) == 1
