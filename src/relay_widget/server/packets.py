"""Socket.IO packets as clients send them, made safe to dispatch.

A serializer is Socket.IO's own hook for the packet format. This one keeps the format and changes what an
event becomes: ``CLIENT_EVENT`` with the client's name for it, its acknowledgement id and its arguments. So
one handler sees everything a client may send (its "connect" and "disconnect" too, which would else run our
own handlers), and answers it in its own order. What cannot be decoded becomes an event that no one knows, not
an exception.
"""

from __future__ import annotations

from typing import Any

from socketio import packet

CLIENT_EVENT = "client-event"
MAX_ATTACHMENTS = 4
"""Binary attachments of one event; the protocol needs one. They are kept until the last has come."""

_ENCODE = object()
_FROM_CLIENTS = (packet.CONNECT, packet.DISCONNECT, packet.EVENT, packet.BINARY_EVENT)


class ClientPacket(packet.Packet):  # type: ignore[misc] # socketio has no types
    """A Socket.IO packet whose decoding never fails."""

    packet_type: int
    namespace: str | None
    id: int | None
    data: Any

    def __init__(self, *args: Any, encoded_packet: Any = _ENCODE, **kwargs: Any) -> None:
        received = encoded_packet is not _ENCODE
        super().__init__(*args, encoded_packet=encoded_packet if received else None, **kwargs)
        if received and not encoded_packet:
            self._malformed()  # nothing at all, or null, which socketio takes for "nothing to decode"

    def decode(self, encoded_packet: Any) -> int:
        """Decode one; the number of attachments that follow."""
        try:
            if not isinstance(encoded_packet, str):
                return self._malformed()  # an attachment that belongs to nothing
            attachments: int = super().decode(encoded_packet)
            if self.packet_type in (packet.CONNECT, packet.DISCONNECT):
                return 0
            if self.packet_type not in _FROM_CLIENTS or not isinstance(self.data, list) or not self.data:
                return self._malformed()
        # RecursionError: JSON nested without end. The others: what int(), json and slicing say to nonsense.
        except (ValueError, TypeError, IndexError, RecursionError):
            return self._malformed()
        if self.packet_type == packet.EVENT:
            attachments = 0
        elif attachments == 0:
            self.packet_type = packet.EVENT
        elif attachments > MAX_ATTACHMENTS:
            return self._malformed()
        name, *args = self.data
        self.data = [CLIENT_EVENT, name, self.id, args]
        self.id = None  # socketio is not to acknowledge it: the adapter does
        return attachments

    def add_attachment(self, attachment: Any) -> bool:
        """Take the next attachment; whether it was the last."""
        try:
            complete: bool = super().add_attachment(attachment)
        except (ValueError, TypeError, IndexError, KeyError, RecursionError):
            self._malformed()
            self.packet_type = packet.BINARY_EVENT  # what socketio dispatches after the last attachment
            return True
        return complete

    def _malformed(self) -> int:
        self.packet_type = packet.EVENT
        self.namespace = None
        self.id = None
        self.data = [CLIENT_EVENT, None, None, []]
        return 0
