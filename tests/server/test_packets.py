from __future__ import annotations

import pytest
from socketio import packet

from relay_widget.server.packets import CLIENT_EVENT, MAX_ATTACHMENTS, ClientPacket

MALFORMED: list[object] = [CLIENT_EVENT, None, None, []]


def test_an_event_keeps_name_id_and_arguments() -> None:
    found = ClientPacket(encoded_packet='217["join",{"room":"lab"}]')
    assert found.packet_type == packet.EVENT
    assert found.data == [CLIENT_EVENT, "join", 17, [{"room": "lab"}]]
    assert found.id is None


def test_a_name_of_socketios_own_is_a_clients_event_like_any() -> None:
    assert ClientPacket(encoded_packet='2["disconnect"]').data == [CLIENT_EVENT, "disconnect", None, []]


def test_bytes_are_put_in_place() -> None:
    found = ClientPacket(encoded_packet='51-["media-chunk",{"a":1},{"_placeholder":true,"num":0}]')
    assert found.attachment_count == 1
    assert found.add_attachment(b"x")
    assert found.packet_type == packet.BINARY_EVENT
    assert found.data == [CLIENT_EVENT, "media-chunk", None, [{"a": 1}, b"x"]]


def test_connect_and_disconnect_are_as_ever() -> None:
    found = ClientPacket(encoded_packet='0{"token":"x"}')
    assert (found.packet_type, found.data) == (packet.CONNECT, {"token": "x"})
    assert ClientPacket(encoded_packet="1").packet_type == packet.DISCONNECT


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        b"",
        b"4bytes",
        b"2[]",
        "2",
        "2{}",
        "2[]",
        "2null",
        '2"join"',
        "2[1",
        "2" + "[" * 100_000,
        "2[" + "1" * 1000 + "]",
        "x",
        "9",
        "²",
        '3["ack of nothing"]',
        "30[]",
        "4{}",
        "60-[]",
        "2" + "1" * 200 + '["x"]',
        f'5{MAX_ATTACHMENTS + 1}-["x"]',
        '59999999999-["x"]',
        '599999999999-["x"]',
    ],
    ids=lambda text: repr(text)[:20],
)
def test_nonsense_is_an_unknown_event(text: str | bytes | None) -> None:
    found = ClientPacket(encoded_packet=text)
    assert (found.packet_type, found.data, found.attachment_count) == (packet.EVENT, MALFORMED, 0)


def test_a_binary_event_without_bytes_waits_for_none() -> None:
    found = ClientPacket(encoded_packet='50-["x"]')
    assert (found.packet_type, found.data) == (packet.EVENT, [CLIENT_EVENT, "x", None, []])


@pytest.mark.parametrize("number", ["7", '"0"', "null", "[]", "1.5"])
def test_a_placeholder_for_nothing(number: str) -> None:
    found = ClientPacket(encoded_packet='51-["x",{"_placeholder":true,"num":' + number + "}]")
    assert found.add_attachment(b"x")
    assert (found.packet_type, found.data) == (packet.BINARY_EVENT, MALFORMED)


def test_placeholders_too_deep() -> None:
    depth = 900
    text = '51-["x",' + "[" * depth + '{"_placeholder":true,"num":0}' + "]" * depth + "]"
    found = ClientPacket(encoded_packet=text)
    assert not found.attachment_count or found.add_attachment(b"x")
    assert found.data[0] == CLIENT_EVENT


def test_what_the_server_sends_is_encoded_as_ever() -> None:
    assert ClientPacket(packet.CONNECT, {"sid": "x"}).encode() == '0{"sid":"x"}'
