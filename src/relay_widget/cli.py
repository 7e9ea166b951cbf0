"""The command line: ``relay-widget serve``, ``token``, ``doctor``, ``record``, ``export``, ``replay`` and more."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import ipaddress
import logging
import os
import re
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from .core import Limits
from .errors import InvalidValueError, RelayStartError, RelayWidgetError, WireError
from .paths import as_path
from .protocol import check_name, check_room, package_version
from .relays import TOKEN_VARIABLE, URL_VARIABLE, named_relay
from .server.log import ForeignLines, JsonFormatter, TextFormatter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SECRET_VARIABLE = "RELAY_WIDGET_SECRET"  # noqa: S105 - the variable's name
REDIS_VARIABLE = "RELAY_WIDGET_REDIS"
PRINTED_TOKEN_LIFETIME_S = 12 * 3600
INTERRUPTED = 130
"""The exit code of what Ctrl-C has kept from its end, as shells have it."""
_NOBODY_READS = 141
"""The exit code where the output is no longer read, as shells have it."""
_SHOWN_EVERY_S = 0.2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    with _any_console(), _ends_as_by_ctrl_c():
        arguments = _parser().parse_args(argv)
        try:
            code: int | None = arguments.run(arguments)
            if sys.stdout is not None:  # as where it was closed
                sys.stdout.flush()
        except RelayWidgetError as error:
            # The last line, in this form: the launcher reads it from the log.
            print(f"relay-widget: {error.code}: {error.message}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("relay-widget: interrupted.", file=sys.stderr)
            return INTERRUPTED
        except BrokenPipeError:  # who reads has had enough, as in `relay-widget doctor | head -1`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _NOBODY_READS
        return code or 0


@contextlib.contextmanager
def _any_console() -> Iterator[None]:
    """Show names in whatever encoding the console has: a character that it lacks as its escape."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, io.TextIOWrapper)]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            stream.reconfigure(errors=errors)


@contextlib.contextmanager
def _ends_as_by_ctrl_c() -> Iterator[None]:
    """Have the signals by which service managers, terminals and Windows end a program act as Ctrl-C does.

    The first one acts. More of them do not interrupt the end, in which a recording is finished.
    """
    ends = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before: dict[signal.Signals, Any] = {}

    def end(_number: int, _frame: object) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():  # elsewhere, as in a cell's thread, signals are others'
        # A signal that is ignored stays ignored: nohup means it.
        before = {number: signal.getsignal(number) for number in ends if signal.getsignal(number) == signal.SIG_DFL}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _serve(arguments: argparse.Namespace) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if arguments.log_format == "json" else TextFormatter())
    handler.addFilter(ForeignLines())
    logging.basicConfig(level=arguments.log_level.upper(), handlers=[handler])
    from .server.run import ServeSettings, serve  # noqa: PLC0415 - 0.4 s that --help need not wait for

    secret = _given_secret()
    settings = ServeSettings(
        host=arguments.host,
        port=arguments.port,
        secret=secret,
        needs_token=not arguments.no_auth,
        allow_hosts=tuple(arguments.allow_host),
        allow_origins=tuple(arguments.allow_origin),
        idle_timeout_s=arguments.idle_timeout,
        runtime_file=arguments.runtime_file,
        metrics_from=tuple(arguments.metrics_from),
        grace_s=arguments.grace,
        tls_cert=arguments.tls_cert,
        tls_key=arguments.tls_key,
        redis=arguments.redis,
        limits=Limits(**{field.name: getattr(arguments, f"max_{field.name}") for field in dataclasses.fields(Limits)}),
    )

    def announce(url: str, secret_in_use: str) -> None:
        if settings.runtime_file is not None:
            return  # the file says it all, and nobody is there to read this
        print(f"relay-widget listens on {url}", flush=True)
        if not settings.needs_token:
            print("Anybody who can reach it may use it: no token is needed.", flush=True)
        elif arguments.print_token or (secret is None and _is_screen(sys.stdout)):
            print(f"A token to connect with, good for 12 hours:\n{_any_token(secret_in_use)}", flush=True)
        elif secret is None:
            print("Its secret is its own: start it with --print-token to be shown a token.", flush=True)

    serve(settings, on_ready=announce)


def _given_secret() -> str | None:
    """The secret of the environment, if there is one there."""
    from .tokens import check_secret  # noqa: PLC0415

    secret = os.environ.get(SECRET_VARIABLE) or None
    try:
        return None if secret is None else check_secret(secret)
    except InvalidValueError as error:
        raise RelayStartError("relay-start", f"{SECRET_VARIABLE}: {error.message}") from None


def _any_token(secret: str) -> str:
    from .tokens import mint  # noqa: PLC0415 - only when one is shown

    return mint(secret, role="peer", lifetime_s=PRINTED_TOKEN_LIFETIME_S)


def _sanitize_file(_arguments: argparse.Namespace) -> None:
    print(Path(__file__).with_name("nbval-sanitize.cfg"))


def _token(arguments: argparse.Namespace) -> None:
    from .tokens import mint  # noqa: PLC0415 - as above

    room = arguments.room
    token = mint(
        _given_secret() or _secret_of_relay(arguments.runtime_file),
        role="peer",
        lifetime_s=arguments.expires,
        room=room,
        name=arguments.name,
        publish=arguments.publish,
        subscribe=arguments.subscribe,
        administers=("*" if room is None else room,) if arguments.administer else (),
    )
    print(token)


def _secret_of_relay(path: Path | None) -> str:
    from .launcher import read_runtime_file, runtime_file  # noqa: PLC0415 - as above
    from .server.runtime_file import for_this_machine  # noqa: PLC0415

    path = runtime_file() if path is None else for_this_machine(path)
    address = read_runtime_file(path)
    if address is None:
        raise RelayStartError(
            "relay-start",
            f"There is no relay's file {path}: start the relay, or give its secret in {SECRET_VARIABLE}.",
        )
    return address.secret


def _record(arguments: argparse.Namespace) -> None:
    from .recording.recorder import Recorder  # noqa: PLC0415 - as above

    recorder = Recorder(
        arguments.room,
        arguments.file,
        url=arguments.url,
        overwrite=arguments.overwrite,
    )
    ends_s = time.monotonic() + (arguments.duration or float("inf"))
    with recorder:
        print(f"Recording room {recorder.room} to {recorder.path}: Ctrl-C ends it.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while recorder.recording and time.monotonic() < ends_s:
                time.sleep(_SHOWN_EVERY_S)
                _show(f"{recorder.duration_s:.0f} s, {recorder.objects} objects, {recorder.bytes / 1e6:.1f} MB")
    print(f"{recorder.path}: {recorder.duration_s:.1f} s, {recorder.objects} objects, {recorder.bytes / 1e6:.1f} MB")
    if recorder.error is not None:
        raise recorder.error


def _export(arguments: argparse.Namespace) -> None:
    from .recording.export import export  # noqa: PLC0415 - as above

    try:
        made = export(
            arguments.file,
            arguments.out,
            peer=arguments.peer,
            layout="grid" if arguments.grid else "peers",
            overwrite=arguments.overwrite,
            progress=_is_screen(sys.stderr),
        )
    except KeyboardInterrupt:
        print("relay-widget: interrupted: what was being made is not there.", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    for one in made:
        print(f"{one.path}: {', '.join(one.peers)}, {one.duration_s:.1f} s")
        for name in one.disbelieved:
            print(f"  The clock of {name} was wrong: the times of the relay were used.")


def _replay(arguments: argparse.Namespace) -> None:
    from .recording.replay import replay  # noqa: PLC0415 - as above

    playing = replay(arguments.file, arguments.room, speed=arguments.speed, url=arguments.url)
    try:
        print(f"Replaying {arguments.file} in room {playing.room}: Ctrl-C ends it.", flush=True)
        while not playing.wait(_SHOWN_EVERY_S):
            _show(f"{playing.progress:.0%}, {playing.sent} objects")
    except KeyboardInterrupt:
        playing.stop()
    print(f"{playing.sent} objects sent, {playing.left_out} left out")


def _doctor(arguments: argparse.Namespace) -> int:
    from .checkup.probes import look  # noqa: PLC0415 - as above
    from .checkup.rows import as_text, rows_of  # noqa: PLC0415

    facts, _ = look(named_relay(arguments.url, arguments.token))
    rows = rows_of(facts)
    print(as_text(rows, shutil.get_terminal_size().columns))
    return int(any(row.state in ("bad", "unknown") for row in rows))


def _show(text: str) -> None:
    """How far it is, to somebody at the screen."""
    if _is_screen(sys.stderr):
        print(f"\r{text}\x1b[K\r", end="", file=sys.stderr, flush=True)


def _is_screen(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="relay-widget", description="Calls inside notebook cells: the relay.")
    parser.add_argument("--version", action="version", version=package_version())
    commands = parser.add_subparsers(required=True, metavar="command")
    serve = commands.add_parser(
        "serve",
        help="run a relay",
        description="Run a relay until it is interrupted. "
        f"Its secret is taken from the environment variable {SECRET_VARIABLE}, or made anew. "
        "To change it without a break, give several with ids (new:…,old:…): the first one signs, all are good.",
    )
    serve.set_defaults(run=_serve)
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=_port, help="port to listen on, 0 for any free one (default: 8765)")
    serve.add_argument("--no-auth", action="store_true", help="let clients connect without a token")
    serve.add_argument("--print-token", action="store_true", help="print a token that is good for 12 hours")
    serve.add_argument(
        "--allow-host", action="append", default=[], metavar="HOST", help="another name to be addressed by"
    )
    serve.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="another origin whose pages may use it",
    )
    serve.add_argument("--tls-cert", type=_path, metavar="PEM", help="serve https: the certificate, with its chain")
    serve.add_argument("--tls-key", type=_path, metavar="PEM", help="its private key")
    serve.add_argument(
        "--redis",
        default=os.environ.get(REDIS_VARIABLE) or None,
        metavar="URL",
        help="share rooms with the other relays at this Redis server, as in redis://host:6379/0; with a password, "
        f"better in the environment variable {REDIS_VARIABLE}",
    )
    serve.add_argument(
        "--idle-timeout", type=_seconds, metavar="SECONDS", help="end when nobody was connected for so long"
    )
    serve.add_argument(
        "--grace",
        type=_seconds,
        default=2.0,
        metavar="SECONDS",
        help="how long clients have to go elsewhere when it is to end (default: %(default)s)",
    )
    serve.add_argument(
        "--runtime-file",
        type=_path,
        metavar="PATH",
        help="file that tells local programs about this relay; port and secret of a relay that left its file "
        "behind are taken over",
    )
    serve.add_argument(
        "--metrics-from",
        type=_network,
        action="append",
        default=[],
        metavar="NETWORK",
        help="another network (10.0.0.0/8) that may read /metrics, beside this machine",
    )
    serve.add_argument(
        "--log-level",
        default="warning",
        choices=("debug", "info", "warning", "error"),
        help="(default: %(default)s); at info, who connects and what is refused",
    )
    serve.add_argument("--log-format", default="text", choices=("text", "json"), help="(default: %(default)s)")
    limits = serve.add_argument_group("limits", "what is more is refused, by name; see Limits in PROTOCOL.md")
    for field in dataclasses.fields(Limits):
        limits.add_argument(
            f"--max-{field.name.replace('_', '-')}",
            type=_count,
            default=field.default,
            metavar="N",
            help=f"{field.metadata['what']} (default: %(default)s)",
        )
    token = commands.add_parser(
        "token",
        help="print a token",
        description="Print a token to connect to a relay with. The relay's secret is taken from the environment "
        f"variable {SECRET_VARIABLE}, or from the file of the relay that runs here.",
    )
    token.set_defaults(run=_token)
    token.add_argument(
        "--room", type=_text(check_room), help="the room, or the beginning of rooms' names and a * (default: any)"
    )
    token.add_argument("--name", type=_text(check_name), help="what its holder is called (default: as it likes)")
    token.add_argument("--no-publish", dest="publish", action="store_false", help="it may not send anything")
    token.add_argument("--no-subscribe", dest="subscribe", action="store_false", help="it gets nobody's media")
    token.add_argument("--administer", action="store_true", help="it may mute, remove, lock and end there")
    token.add_argument(
        "--expires",
        type=_duration,
        default=3600,
        metavar="TIME",
        help="how long it is good: 90s, 15m, 1h or 7d (default: 1h)",
    )
    token.add_argument("--runtime-file", type=_path, metavar="PATH", help="file of the relay it is for")
    sanitize_file = commands.add_parser(
        "sanitize-file",
        help="print where the file for pytest --nbval-sanitize-with is",
        description="Print where the file is that makes outputs of calls comparable, as in: "
        'pytest --nbval --nbval-sanitize-with "$(relay-widget sanitize-file)"',
    )
    sanitize_file.set_defaults(run=_sanitize_file)
    _add_recording(commands)
    doctor = commands.add_parser(
        "doctor",
        help="say what is in the way of a call",
        description="Look at this Python and at the relay: a table of what was found and what to do. "
        "It ends with 0 when all was checked and a call goes, with 1 when something is in the way or could not be "
        "checked. In a cell, relay_widget.doctor() looks at the browser, too.",
    )
    doctor.set_defaults(run=_doctor)
    doctor.add_argument(
        "--url", help=f"the relay's address (default: {URL_VARIABLE}, else your own relay, started if need be)"
    )
    doctor.add_argument(
        "--token",
        help=f"a token for it; better in the environment variable {TOKEN_VARIABLE}, where others do not see it",
    )
    return parser


def _add_recording(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The three commands about recordings."""
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--url", help=f"the relay's address (default: {URL_VARIABLE}, else your own relay, started if need be)"
    )
    token = f"A token for the relay, if it needs one, is taken from the environment variable {TOKEN_VARIABLE}."
    record = commands.add_parser(
        "record", help="record a room", description=f"Record a room into a file until Ctrl-C. {token}", parents=[where]
    )
    record.set_defaults(run=_record)
    record.add_argument("room", type=_text(check_room))
    record.add_argument("file", type=_path, help="the recording to make, as in talk.relay")
    record.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    record.add_argument(
        "--duration", type=_duration, metavar="TIME", help="how long: 90s, 15m, 1h (default: until Ctrl-C)"
    )
    export = commands.add_parser(
        "export",
        help="make playable files of a recording",
        description="Make a .webm (copied, where it can be) or an .mp4 of each peer: talk.webm becomes talk-Ada.webm.",
    )
    export.set_defaults(run=_export)
    export.add_argument("file", type=_path, help="the recording")
    export.add_argument("out", type=_path, help="the file to make, .webm or .mp4")
    export.add_argument("--peer", metavar="NAME", help="only this peer; then the file has the very name given")
    export.add_argument("--grid", action="store_true", help="one file with everybody in it")
    export.add_argument("--overwrite", action="store_true", help="replace files that are there")
    replay = commands.add_parser(
        "replay",
        help="play a recording again",
        description=f"Its peers join a room again and send what they sent, when they sent it. {token}",
        parents=[where],
    )
    replay.set_defaults(run=_replay)
    replay.add_argument("file", type=_path, help="the recording")
    replay.add_argument("--room", type=_text(check_room), help="where to (default: the room that was recorded)")
    replay.add_argument("--speed", type=float, default=1.0, help="how many times faster (default: %(default)s)")


def _text(check: Callable[[object], str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        try:
            return check(text)
        except WireError as error:
            raise argparse.ArgumentTypeError(error.message) from None

    return parse


def _path(text: str) -> Path:
    """Also one that no shell has looked at, as in --tls-key=~/key.pem."""
    try:
        return as_path(text)
    except InvalidValueError as error:
        raise argparse.ArgumentTypeError(error.message) from None


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError("a time is a whole number above 0 and one of s, m, h, d, as in 15m")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:  # noqa: PLR2004 - what a port can be
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a network is written as in 10.0.0.0/8 ({error})") from None


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("a limit is a whole number from 1")
    return count


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError("seconds must be a number above 0")
    return seconds
