from __future__ import annotations

from relay_widget.core.nodes import ASK_INTERVAL_MS, NODE_TIMEOUT_MS, Nodes


def test_what_follows_and_what_is_missing() -> None:
    nodes = Nodes()
    nodes.heard("b", 0)
    assert len(nodes) == 0
    assert nodes.lacks("b", 0)
    assert not nodes.follows("b", 1)
    nodes.begin("b", 4)
    assert len(nodes) == 1
    assert not nodes.follows("b", 4)
    assert nodes.follows("b", 5)
    assert not nodes.lacks("b", 5)
    assert not nodes.follows("b", 7)
    assert nodes.lacks("b", 7)


def test_one_asks_now_and_then() -> None:
    nodes = Nodes()
    nodes.heard("b", 0)
    assert nodes.asks("b", 0)
    assert not nodes.asks("b", ASK_INTERVAL_MS - 1)
    assert nodes.asks("b", ASK_INTERVAL_MS)


def test_silence_is_the_end_unless_nobody_could_listen() -> None:
    nodes = Nodes()
    for node in ("b", "c"):
        nodes.heard(node, 0)
    nodes.heard("c", 1)
    assert nodes.take_gone(NODE_TIMEOUT_MS) == []
    assert nodes.take_gone(NODE_TIMEOUT_MS + 1) == ["b"]
    nodes.paused(90_000)
    assert nodes.take_gone(90_000 + NODE_TIMEOUT_MS + 1) == []
    assert nodes.take_gone(90_000 + NODE_TIMEOUT_MS + 2) == ["c"]
    nodes.heard("d", 0)
    nodes.remove("d")
    assert nodes.take_gone(999_999) == []


def test_clocks() -> None:
    nodes = Nodes()
    assert nodes.ahead_ms("b") == 0
    nodes.heard("b", 0)
    nodes.set_clock("b", -40)
    assert nodes.ahead_ms("b") == -40
