"""The join page: who has a link and a browser comes into a call. Real page, real relay, twice a real notebook."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import ssl
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import TimeoutError as TooLate
from playwright.sync_api import expect

from relay_widget.invitation import InviteLink, make_link, qr_code
from relay_widget.tokens import mint
from tests.relay_process import RelayProcess
from tests.server.test_deploy import NEEDS_NGINX, nginx
from tests.server.test_tls import flags, make_certificate

from .lab import JoinPage, JupyterLab, Notebook, chromium
from .test_call import cell, joined, plays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    OpenNotebook = Callable[..., Notebook]
    Open = Callable[..., JoinPage]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ROOM = "lab"
NAME = "relay.example"
OUT = Path(os.environ.get("SCREENSHOTS") or Path(__file__).parent / "out")
NEEDS_OPENSSL = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")

ASKED = """
window.asked = 0;
const ask = MediaDevices.prototype.getUserMedia;
MediaDevices.prototype.getUserMedia = function (...a) { window.asked += 1; return ask.apply(this, a); };
"""


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Open links, each in a browser context of its own."""
    with ExitStack() as stack:

        def open_link(link: str, **options: Any) -> JoinPage:
            guest = JoinPage(options.pop("browser", browser), link, **options)
            stack.callback(guest.close)
            return guest

        yield open_link


@pytest.fixture(scope="module")
def named() -> Iterator[Browser]:
    """A browser for which the relay has a name that is not loopback's."""
    with chromium(f"--host-resolver-rules=MAP {NAME} 127.0.0.1") as running:
        yield running


def invite(relay: RelayProcess, name: str | None = None, *, url: str = "", **rights: Any) -> InviteLink:
    """A link as `Call.invite_link` makes it, where there is no notebook."""
    lifetime_s = rights.pop("expires", 600)
    now_s = time.time()
    token = mint(relay.secret, role="peer", lifetime_s=lifetime_s, now_s=now_s, room=ROOM, name=name, **rights)
    allowed = {"publish": True, "subscribe": True, **rights}
    return make_link(url or relay.url, token, room=ROOM, name=name, **allowed, expires_s=now_s + lifetime_s)


def believing(**claims: Any) -> str:
    """Have a page take its token for one that says this, which the relay does not."""
    return (
        "const parse = JSON.parse; JSON.parse = (text, ...more) => { const value = parse(text, ...more);"
        f" if (typeof value?.exp === 'number') Object.assign(value, {json.dumps(claims)}); return value; }};"
    )


def forged(link: InviteLink, **claims: Any) -> str:
    """The link with other claims, under the old signature."""
    address, _, token = link.partition("#token=")
    head, payload, signature = token.split(".")
    old = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    new = base64.urlsafe_b64encode(json.dumps({**old, **claims}).encode()).decode().rstrip("=")
    return f"{address}#token={head}.{new}.{signature}"


def peers(relay: RelayProcess) -> int:
    metrics = relay.get("/metrics")[2].decode()
    [count] = re.findall(r"^relay_widget_peers (\d+)", metrics, re.MULTILINE)
    return int(count)


# -- with a notebook --


def test_a_guest_without_jupyter_and_a_cell_see_and_hear_each_other(notebook: OpenNotebook, opened: Open) -> None:
    ada = joined(notebook(cell("join-call", "Ada")))
    grace = opened(ada.python("print(call.invite_link('Grace'))"))
    grace.says("Join “join-call”")
    assert grace.page.url.endswith("/join"), "the token is not in the address bar any more"
    assert grace.page.get_by_label("Your name").input_value() == "Grace"
    assert grace.page.get_by_label("Your name").is_disabled()
    grace.join()
    ada.wait_python("[peer.name for peer in call.peers] == ['Grace']")
    plays(ada)
    plays(grace)

    grace.page.reload()  # the link is still known
    grace.join()
    ada.wait_python("[peer.name for peer in call.peers] == ['Grace']")
    plays(ada)

    ada.python("call.lock()\ncall.remove('Grace')")
    grace.says("The host removed you from this room.")
    grace.press("Rejoin")
    grace.says("This room is locked.")
    ada.python("call.unlock()")
    grace.press("Try again")
    ada.wait_python("[peer.name for peer in call.peers] == ['Grace']")
    plays(ada)
    plays(grace)
    ada.python("call.end()")
    grace.says("The host ended this call for everybody.")
    assert grace.troubles == []


def test_the_cell_shows_a_code_and_saves_nothing_of_it(lab: JupyterLab, notebook: OpenNotebook) -> None:
    call = "from relay_widget import Call\ncall = Call(room='join-card', name='Ada')\nlink = call.invite_link('Grace')"
    ada = notebook(f"{call}\nlink")
    ada.run_all()
    image = ada.page.get_by_alt_text("QR code of the invite link")
    image.wait_for(timeout=60_000)
    link = ada.python("print(link)")
    assert image.get_attribute("src") == qr_code(link)
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    for words in ("Invitation to “join-card” for Grace", "is seen and heard", "works on this computer only"):
        ada.page.get_by_text(words).first.wait_for()
    shot(ada, "invite-in-cell", ".rw-invite")
    token = link.partition("#token=")[2]
    notebook_file = ada.save()
    saved = json.dumps(notebook_file)
    assert "an invite link to room 'join-card'" in saved
    assert token not in saved
    assert not re.search(r"eyJ[\w-]{10,}\.", saved), "a JSON web token"
    assert qr_code(link) not in saved
    assert "image/svg" not in json.dumps(notebook_file["cells"])  # the card's program, in the metadata, reads drawings
    ada.python("call.close()")


# -- what a link does not let its guest do --


def test_a_link_cannot_be_used_after_its_expiry(relay: RelayProcess, opened: Open) -> None:
    link = invite(relay, "Grace", expires=20)
    grace = opened(link)
    grace.join()
    late = opened(link, init_script=believing(exp=time.time() + 3600))
    waiting = opened(link)
    ada = opened(invite(relay, "Ada"))
    ada.join()
    plays(ada, sound=False)
    grace.says("This invitation has ended.")  # in the middle of the call
    waiting.says("This invitation has ended.")  # in the lobby
    ada.says("Nobody else is here yet")
    for _ in range(2):
        assert grace.page.get_by_role("button", name=re.compile("join|again", re.IGNORECASE)).count() == 0
        grace.page.reload()
        grace.says("This invitation has ended.")
    late.press("Join")  # this one thinks it may
    late.says("This invitation has ended.")
    assert peers(relay) == 1


def test_a_link_cannot_be_used_for_another_room(relay: RelayProcess, opened: Open) -> None:
    link = invite(relay)
    for page, words in (
        (opened(link, init_script=believing(room="secret")), "Your invitation does not allow this."),
        (opened(forged(link, room="secret")), "This link does not open anything here."),
    ):
        page.says("Join “secret”")  # what the page believes is one thing
        page.page.get_by_label("Your name").fill("Mallory")
        page.press("Join")
        page.says(words)  # what the relay lets it do another
    assert peers(relay) == 0


def test_a_link_to_watch_cannot_be_used_to_publish(relay: RelayProcess, opened: Open) -> None:
    link = invite(relay, "Grace", publish=False)
    ada, grace = opened(invite(relay, "Ada")), opened(link, init_script=ASKED)
    ada.join()
    grace.says("You watch and listen. Nothing of you is sent.")
    for label in ("Camera", "Microphone", "Show preview"):
        assert grace.page.get_by_text(label, exact=True).count() == 0
    grace.join()
    plays(grace)
    for label in ("Camera", "Microphone", "Share your screen", "Devices"):
        assert grace.page.get_by_role("button", name=label).count() == 0
    assert grace.page.evaluate("window.asked") == 0, "no camera is asked for"
    grace.close()

    liar = opened(link, init_script=believing(publish=True) + ASKED)
    liar.join()
    liar.page.wait_for_selector("video[data-self]")  # it films itself, and sends
    assert liar.page.evaluate("window.asked") > 0
    liar.logs("(forbidden)")
    ada.page.wait_for_selector(".rw-tile[data-peer] .rw-face")  # nothing of it comes
    assert ada.page.evaluate("document.querySelectorAll('video[data-peer-id]').length") == 0
    forger = opened(forged(link, publish=True))
    forger.press("Join")
    forger.says("This link does not open anything here.")


def test_who_gets_nothing_is_told_and_can_send(relay: RelayProcess, opened: Open) -> None:
    ada, grace = opened(invite(relay, "Ada")), opened(invite(relay, "Grace", subscribe=False))
    grace.says("The others see and hear you. You get nothing of them.")
    ada.join()
    grace.join()
    plays(ada)
    assert grace.page.evaluate("document.querySelectorAll('video[data-peer-id]').length") == 0


# -- where it is served --


def test_the_token_goes_to_the_relay_only_and_in_no_address(relay: RelayProcess, opened: Open) -> None:
    link = invite(relay, "Ada")
    token = link.partition("#token=")[2]
    asked: list[str] = []
    ada = opened("about:blank")
    ada.page.on("request", lambda request: asked.append(f"{request.url} {request.headers}"))
    ada.page.on("websocket", lambda ws: asked.append(ws.url))
    ada.page.goto(link)
    ada.join()
    assert any("/socket.io/" in line for line in asked)
    own = re.compile(rf"(blob:)?(http|ws)://{re.escape(relay.url.removeprefix('http://'))}/")
    assert [line for line in asked if token in line or not own.match(line)] == []
    assert ada.page.evaluate("localStorage.length + sessionStorage.length") == 0
    other = invite(relay, "Bob")
    ada.page.goto(other)  # in the same tab: another person now
    expect(ada.page.locator("input").first).to_have_value("Bob", timeout=30_000)
    assert relay.log == ""


@NEEDS_NGINX
def test_below_a_path_behind_a_proxy_with_tls(tmp_path: Path, named: Browser, opened: Open) -> None:
    with (
        RelayProcess(("--allow-host", NAME)) as relay,
        nginx(tmp_path, relay.url.rpartition(":")[2]) as (port, _),
    ):
        url = f"https://{NAME}:{port}/call"
        sockets: list[str] = []
        guests = []
        for name in ("Ada", "Grace"):
            guest = opened("about:blank", browser=named, ignore_https_errors=True)
            guest.page.on("websocket", lambda ws: sockets.append(ws.url))
            guest.page.goto(invite(relay, name, url=url))
            assert guest.page.evaluate("window.isSecureContext")
            guest.join()
            guests.append(guest)
        for guest in guests:
            plays(guest)
            assert guest.page.url == f"{url}/join"
            assert guest.troubles == []
        assert sockets
        assert all(address.startswith(f"wss://{NAME}:{port}/call/socket.io/") for address in sockets)
        assert relay.log == ""


@NEEDS_OPENSSL
def test_with_a_certificate_of_the_relay_s_own(tmp_path: Path, named: Browser, opened: Open) -> None:
    pair = make_certificate(tmp_path, "relay")
    trust = ssl.create_default_context(cafile=str(pair[0]))
    with RelayProcess((*flags(pair), "--allow-host", NAME), tls=trust) as relay:
        url = f"https://{NAME}:{relay.url.rpartition(':')[2]}"
        guests = [
            opened(invite(relay, name, url=url), browser=named, ignore_https_errors=True) for name in ("Ada", "Grace")
        ]
        for guest in guests:
            guest.join()
        for guest in guests:
            plays(guest)


# -- what is in the way, in words --


def test_links_that_are_none(relay: RelayProcess, opened: Open) -> None:
    for fragment, words in (
        ("", "This page needs an invitation."),
        ("#token=", "This page needs an invitation."),
        ("#token=nonsense", "This link does not open anything here."),
    ):
        page = opened(f"{relay.url}/join{fragment}")
        page.says(words)
        assert page.page.get_by_role("button", name=re.compile("join", re.IGNORECASE)).count() == 0
    with RelayProcess() as other:
        page = opened(invite(other, "Grace", url=relay.url))
    page.press("Join")
    page.says("This link does not open anything here.")


def test_a_relay_that_has_gone_and_one_that_comes_back(relay: RelayProcess, opened: Open) -> None:
    ada = opened(invite(relay, "Ada"))
    ada.says("Join “lab”")
    relay.kill()
    ada.press("Join")
    ada.says("The relay of this call does not answer.")
    relay.start()
    ada.page.wait_for_selector(".rw[data-phase=joined]", timeout=30_000)
    assert ada.page.get_by_text("does not answer").count() == 0


def test_an_insecure_address_says_what_to_do(named: Browser, opened: Open) -> None:
    with RelayProcess(("--allow-host", NAME)) as relay:
        link = invite(relay, "Grace", url=f"http://{NAME}:{relay.url.rpartition(':')[2]}")
        grace, ada = opened(link, browser=named), opened(invite(relay, "Ada"))
        ada.join()
        grace.says("No camera or microphone on this page")
        grace.says("Ask whoever invited you for a link that begins with https://")
        shot(grace, "join-insecure")
        grace.press("Join to watch and listen")
        plays(grace)


def test_a_browser_that_cannot_play(relay: RelayProcess, opened: Open) -> None:
    page = opened(invite(relay), init_script="delete window.MediaSource; delete window.ManagedMediaSource;")
    page.says("This browser cannot play the others' pictures and sound.")
    page.says("Open the link in a current Chrome, Edge, Firefox or Safari.")


def test_a_computer_without_a_camera(relay: RelayProcess, opened: Open) -> None:
    with chromium(without=("--use-fake-device-for-media-stream",)) as bare:
        guest = opened(invite(relay, "Grace"), browser=bare)
        guest.press("Join")
        guest.page.get_by_text(re.compile("No (camera|microphone) was found")).first.wait_for()
        guest.press("Join with")
        guest.close()


# -- how it looks --


def shot(of: JoinPage | Notebook, name: str, selector: str = "body") -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    of.page.locator(selector).first.screenshot(path=OUT / f"{name}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1100])
def test_it_fits_a_phone_and_a_screen(relay: RelayProcess, opened: Open, width: int, scheme: str) -> None:
    look = {"viewport": {"width": width, "height": 740}, "color_scheme": scheme}
    ada, grace = opened(invite(relay, "Ada"), **look), opened(invite(relay), **look)
    guest = opened(invite(relay, "Katherine", publish=False), **look)
    for page, name in ((ada, "lobby"), (guest, "watch")):
        page.says("Join “lab”")
        fits(page)
        shot(page, f"join-{name}-{width}-{scheme}")
    ada.join()
    grace.page.get_by_label("Your name").fill("Grace")
    grace.join()
    plays(ada, sound=False)
    for page in (ada, guest):
        if page is guest:
            page.join()
            plays(page, sound=False)
        fits(page)
        shot(page, f"join-{'call' if page is ada else 'watching'}-{width}-{scheme}")
    assert ada.troubles == grace.troubles == guest.troubles == []


PHONES = [(360, 740), (390, 844), (740, 360), (844, 390)]
TABLET = (768, 1024)

SEEN = """
() => {
  const inside = ({ left, right, top, bottom, height }) =>
    height > 0 && left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
  const buttons = [...document.querySelectorAll(".rw-bar button, .rw-join")];
  const tiles = [...document.querySelectorAll(".rw-grid > li, .rw-lobby > .rw-preview")];
  const { scrollWidth, scrollHeight } = document.documentElement;
  return {
    cut: buttons.filter((b) => !inside(b.getBoundingClientRect())).map((b) => b.ariaLabel ?? b.textContent),
    buttons: buttons.length,
    share: tiles.reduce((sum, t) => sum + t.offsetWidth * t.offsetHeight, 0) / (innerWidth * innerHeight),
    scrolls: scrollWidth > innerWidth || scrollHeight > innerHeight,
  };
}
"""


def test_a_phone_shows_all_of_it_and_is_not_left_empty(relay: RelayProcess, opened: Open) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    ada, grace = opened(invite(relay, "Ada"), **phone), opened(invite(relay, "Grace"), **phone)
    ada.says("Join “lab”")

    def looks(screen: str, most_empty: float) -> None:
        for width, height in PHONES if screen == "lobby" else [*PHONES, TABLET]:
            ada.page.set_viewport_size({"width": width, "height": height})
            settled = "(least) => { const s = (%s)(); return s.cut.length === 0 && !s.scrolls && s.share > least; }"
            where = f"{screen} at {width} x {height}"
            try:
                ada.page.wait_for_function(settled % SEEN, arg=1 - most_empty, timeout=5000)
            except TooLate:
                raise AssertionError(f"{where}: {ada.page.evaluate(SEEN)}") from None
            assert ada.page.evaluate(SEEN)["buttons"] >= 1, where
            shot(ada, f"phone-{screen}-{width}x{height}")

    looks("lobby", 0.75)
    ada.join()
    looks("alone", 0.45)
    grace.join()
    plays(ada, sound=False)
    looks("call", 0.45)
    ada.press("Leave")
    ada.page.wait_for_selector(".rw[data-phase=left]")
    looks("left", 1.01)
    assert ada.troubles == grace.troubles == []


def fits(page: JoinPage) -> None:
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
