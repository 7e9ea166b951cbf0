"""The relay without input and output: what happens to rooms, peers and media, as plain data.

Nothing here waits, opens a socket, reads a clock or logs. The server tells it what has arrived, what time it
is and how much waits for each client; it answers with an acknowledgement and a list of effects to perform.
"""

from .effects import AllowOrigin, Close, Effect, Listen, MediaLabel, Outcome, Pause, Refused, Send, SendMedia, Tell
from .limits import DEFAULT_LIMITS, Limits
from .relay import Relay

__all__ = [
    "DEFAULT_LIMITS",
    "AllowOrigin",
    "Close",
    "Effect",
    "Limits",
    "Listen",
    "MediaLabel",
    "Outcome",
    "Pause",
    "Refused",
    "Relay",
    "Send",
    "SendMedia",
    "Tell",
]
