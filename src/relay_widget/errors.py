"""Every exception of relay_widget.

Each carries ``code``, a stable word a program can test, and a message that is one sentence for a person
with what to do next::

    RelayWidgetError              code
    ├── WireError                 a message the relay refuses; what travels back as {code, message}
    ├── InvalidValueError         a room, name or setting that cannot be used (also a ValueError)
    ├── UnknownAttributeError     an attribute that a call does not have (also an AttributeError)
    ├── RelayStartError           the relay process could not be started or reached
    ├── FrontendMissingError      the built JavaScript is not in the package
    ├── MissingExtraError         packages of an extra are not installed (also an ImportError)
    ├── PeersTimeoutError         wait_for_peers(), or a stream, gave up waiting for somebody (also a TimeoutError)
    ├── WaitTimeoutError          wait() gave up waiting for something to be over (also a TimeoutError)
    ├── ForkedError               an object of the process that this one was forked from
    ├── UnpicklableError          an object with threads and connections cannot be pickled or copied (also a TypeError)
    ├── NothingReceivedError      a sweep found no stream to measure
    ├── MediaError                media or a media file that cannot be read
    ├── RecordingError            a recording that cannot be written, read, exported or replayed
    └── RelayRequestError         the relay refused what Python asked of it, or did not answer
"""

from __future__ import annotations


class RelayWidgetError(Exception):
    """Base of all errors of this package.

    Args:
        code: A stable machine-readable word, for example ``"bad-room"``.
        message: One sentence for a person.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickled, (type(self), self.args, {"code": self.code, "message": self.message})


def _unpickled(kind: type[RelayWidgetError], args: tuple[object, ...], state: dict[str, str]) -> RelayWidgetError:
    error = kind.__new__(kind, *args)
    error.args = args  # which those that are OSErrors, too, do not have yet
    error.__dict__.update(state)
    return error


class WireError(RelayWidgetError):
    """A message on the wire that the relay refuses. Codes: see ``protocol.Code``."""


class InvalidValueError(RelayWidgetError, ValueError):
    """A value given in Python that cannot be used; nothing was changed."""


class UnknownAttributeError(RelayWidgetError, AttributeError):
    """An assignment to an attribute that does not exist, or to a method; nothing was changed.

    Codes: ``unknown-attribute``, ``not-an-attribute``.

    Args:
        code: As in all errors.
        message: As in all errors.
        name: The attribute.
        obj: Whose.
    """

    def __init__(self, code: str, message: str, *, name: str, obj: object) -> None:
        super().__init__(code, message)
        self.name = name
        self.obj = obj


class UnknownFiguresError(InvalidValueError, KeyError):
    """Figures that are not there: of nobody in the room (``unknown-peer``, ``ambiguous-peer``), or not yet."""

    def __str__(self) -> str:
        return self.message


class RelayStartError(RelayWidgetError):
    """The relay process could not be started or does not answer.

    Codes: ``port-in-use``, ``relay-runs``, ``runtime-dir``, ``disk-full``, ``tls``, ``redis``, ``relay-start``.
    """


class FrontendMissingError(RelayWidgetError):
    """The package was installed from a checkout whose JavaScript has not been built."""


class MissingExtraError(RelayWidgetError, ImportError):
    """Something needs packages that come with an extra (code ``missing-extra``); the message says which to install."""


class PeersTimeoutError(RelayWidgetError, TimeoutError):
    """Fewer peers than asked for, or not the one asked for, were in the room when the time was over."""


class WaitTimeoutError(RelayWidgetError, TimeoutError):
    """What was waited for was not over when the time was; it goes on."""


class ForkedError(RelayWidgetError):
    """The object belongs to the process that this one was forked from, and does nothing here (code ``forked``)."""

    def __init__(self, what: object) -> None:
        super().__init__(
            "forked", f"{what} belongs to the process that this one was forked from: make another one in this process."
        )


class UnpicklableError(RelayWidgetError, TypeError):
    """The object has threads and connections, so that it cannot be pickled or copied (code ``unpicklable``)."""


class NothingReceivedError(RelayWidgetError):
    """Nothing is being received, so nothing can be measured: no page shows the lab, or it has not joined."""


class MediaError(RelayWidgetError):
    """Media that cannot be read, from a peer or from a file.

    Codes: ``bad-media`` (broken bytes; it goes on at the next key picture or epoch), ``unsupported-codec``,
    ``bad-file``.
    """


class RelayRequestError(RelayWidgetError):
    """The relay refused what Python asked of it, or did not answer.

    Codes: the relay's (``unknown-room``, ``unknown-peer``, ``unknown-track``, ``forbidden``), ``no-answer``,
    ``untrusted-certificate``, ``wrong-thread``, ``already-joined``, ``not-joined``, ``internal``.
    """


class RecordingError(RelayWidgetError):
    """A recording that cannot be written, read, exported or replayed; what was recorded is kept.

    Codes: ``file-exists``, ``disk-full``, ``cannot-write``, ``recording-over``, ``cannot-read``, ``not-a-recording``,
    ``newer-recording``, ``unknown-peer``, ``ambiguous-peer``, ``no-media``, ``cannot-copy``, ``no-encoder``,
    ``lost-relay``.
    """
