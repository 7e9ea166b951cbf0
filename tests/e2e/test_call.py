"""The call as people have it: real JupyterLab, real browser, real relay, real kernels."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .lab import JupyterLab, Notebook, OnPage, chromium, open_notebook, watch
from .scripted_peer import ScriptedPeer, recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser

    OpenNotebook = Callable[..., Notebook]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
REMOTE = "video[data-peer-id]"


def cell(room: str, name: str, **settings: object) -> str:
    """A cell that shows a call which joins by itself and needs no device."""
    arguments = {"room": room, "name": name, "source": "pattern", "auto_join": True, **settings}
    listed = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    return f"from relay_widget import Call\ncall = Call({listed})\ncall"


def joined(notebook: Notebook) -> Notebook:
    notebook.run_all()
    notebook.page.wait_for_selector(".rw[data-phase=joined]", timeout=60_000)
    return notebook


def plays(notebook: OnPage, selector: str = REMOTE, *, sound: bool = True) -> None:
    """Whether a person would say: I see them move, and I hear them."""
    notebook.page.locator(selector).first.wait_for(state="attached", timeout=30_000)
    # A first sample may fall into the settling after a join; a call that does not play never passes.
    enough = {"advanced_s": 1, "pictures": 5, **({"loud": 0.001} if sound else {})}
    seen = {}
    for _ in range(8):
        seen = watch(notebook.page, selector, enough=enough)
        if seen["found"] and all(seen[what] > least for what, least in enough.items()):
            return
    raise AssertionError(f"{seen}; page said {notebook.console[-8:]}")


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)[:60]


def test_a_cell_that_is_run_again_is_the_same_person(notebook: OpenNotebook, room: str) -> None:
    """The call before leaves first: beside it the new one would be a second person, with a number to its name."""
    settings = f"room={room!r}, source='pattern', auto_join=True"
    ada = joined(notebook(f"from relay_widget import Call\ncall = Call({settings})\ncall"))
    ada.python("first, name = call, call.name")
    ada.run_all()
    ada.wait_python("call is not first and call.state == 'joined'")
    ada.wait_python("(call.name, call.peers) == (name, ())")
    ada.wait_python("first.state == 'left' or first.state == 'idle'")


def test_two_kernels_meet_and_a_third_joins_later(notebook: OpenNotebook, room: str) -> None:
    ada = joined(notebook(cell(room, "Ada", source="camera")))
    grace = joined(notebook(cell(room, "Grace")))
    plays(ada)
    plays(grace)
    ada.wait_python("call.state == 'joined' and [p.name for p in call.peers] == ['Grace']")
    ada.wait_python("call.peers[0].figures.get('latency_ms', -1) > 0 and call.stats['sent_kbps'] > 0")

    for person in (ada, grace):  # the point: the recorders' init segments are long gone by
        person.wait_python("call.stats['sent_chunks'] > 150")
    katherine = joined(notebook(cell(room, "Katherine")))
    katherine.wait_python("len(call.peers) == 2")
    ids = katherine.python("print(*[p.id for p in call.peers])").split()
    for peer in ids:
        plays(katherine, f'video[data-peer-id="{peer}"]')


def test_sound_also_comes_from_a_browser_without_webcodecs(notebook: OpenNotebook, room: str) -> None:
    ada = joined(notebook(cell(room, "Ada"), init_script="delete window.AudioEncoder"))
    assert ada.page.evaluate("'AudioEncoder' in window") is False
    grace = joined(notebook(cell(room, "Grace")))
    plays(grace)
    plays(ada)


def test_a_page_that_hung_has_lost_sound_but_not_lip_sync(notebook: OpenNotebook, room: str) -> None:
    ada = joined(notebook(cell(room, "Ada")))
    grace = joined(notebook(cell(room, "Grace")))
    plays(grace)
    ada.page.evaluate("const from = performance.now(); while (performance.now() - from < 4000);")
    plays(grace)
    grace.wait_python("abs(call.peers[0].figures.get('av_skew_ms', 9999)) < 500")


def test_a_page_that_is_busy_begins_its_sound_anew_with_no_gap(notebook: OpenNotebook, room: str) -> None:
    count = """
        window.encoders = 0;
        const { AudioEncoder } = window;
        window.AudioEncoder = class extends AudioEncoder { constructor(...a) { super(...a); window.encoders += 1; } };
    """
    ada = joined(notebook(cell(room, "Ada"), init_script=count))
    grace = joined(notebook(cell(room, "Grace")))
    plays(grace)
    begun = ada.page.evaluate("""async () => {
        const before = encoders, until = performance.now() + 6000;
        while (performance.now() < until) {
            const from = performance.now();
            while (performance.now() - from < 400);
            await new Promise((done) => setTimeout(done, 5));
        }
        return encoders - before;
    }""")
    assert begun <= 1  # an encoder that begins with each piece has none to finish a block with
    plays(grace)


def test_leave_rejoin_and_room_switch(notebook: OpenNotebook, room: str) -> None:
    ada = joined(notebook(cell(room, "Ada")))
    grace = joined(notebook(cell(room, "Grace")))
    plays(ada)

    grace.page.get_by_role("button", name="Leave", exact=True).click()
    ada.wait_python("call.peers == ()")
    grace.wait_python("call.state == 'left'")
    ada.page.wait_for_selector(REMOTE, state="detached")
    assert grace.page.evaluate("document.querySelectorAll('video').length") == 0

    grace.page.get_by_role("button", name=re.compile("join", re.IGNORECASE)).click()
    plays(ada)
    plays(grace)

    grace.python(f"call.room = {room[:50] + '-hall'!r}")
    ada.wait_python("call.peers == ()")
    ada.python(f"call.room = {room[:50] + '-hall'!r}")
    ada.wait_python("[p.name for p in call.peers] == ['Grace']")
    plays(ada)
    plays(grace)


def test_page_reload_keeps_the_kernel_s_call_and_joins_again(notebook: OpenNotebook, room: str) -> None:
    ada = joined(notebook(cell(room, "Ada")))
    grace = joined(notebook(cell(room, "Grace")))
    plays(grace)
    ada.save()
    ada.open()
    ada.page.wait_for_selector(".rw[data-phase=joined]", timeout=60_000)
    plays(ada, sound=False)  # no click yet on the new page: sound may wait for one
    plays(grace)
    ada.wait_python("call.state == 'joined' and len(call.peers) == 1")
    grace.wait_python("[p.name for p in call.peers] == ['Ada']")


def test_two_views_of_one_model_are_one_participant(notebook: OpenNotebook, room: str) -> None:
    ada = joined(notebook(cell(room, "Ada"), "call"))
    grace = joined(notebook(cell(room, "Grace")))
    ada.page.wait_for_function("document.querySelectorAll('.rw[data-phase=joined]').length === 2")
    ada.page.wait_for_function(f"document.querySelectorAll('{REMOTE}').length === 2")
    grace.wait_python("len(call.peers) == 1")
    for index in range(2):
        ada.page.evaluate(
            "([selector, i]) => document.querySelectorAll(selector).forEach((v, j) => { v.id = `view-${j}`; })",
            [REMOTE, index],
        )
        plays(ada, f"#view-{index}", sound=False)
    # The first view goes: the second takes over the playing element, sound and all.
    ada.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0; }")
    ada.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-cell-output')")
    ada.page.wait_for_function("document.querySelectorAll('.rw').length === 1")
    plays(ada)
    grace.wait_python("len(call.peers) == 1")
    # The last one goes: nobody must go on sending from a cell that is not there.
    ada.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    grace.wait_python("call.peers == ()")
    ada.wait_python("call.state == 'idle'")


def test_traits_and_buttons_act_both_ways(notebook: OpenNotebook, room: str) -> None:
    ada = joined(notebook(cell(room, "Ada")))
    grace = joined(notebook(cell(room, "Grace")))
    plays(grace)

    ada.page.get_by_role("button", name="Microphone").click()
    ada.wait_python("call.microphone is False")
    tracks = "{track['track']: track for track in call.peers[0].tracks}"
    grace.wait_python(f"{tracks}['audio']['muted']")
    ada.python("call.microphone = True")
    grace.wait_python(f"not {tracks}['audio']['muted']")

    ada.python("call.camera = False")
    grace.wait_python(f"'video' not in {tracks}")
    grace.page.wait_for_selector(".rw-tile[data-peer] .rw-face")
    ada.page.get_by_role("button", name="Camera").click()
    ada.wait_python("call.camera is True")
    plays(grace)

    ada.python("call.timeslice = 500")
    grace.wait_python(f"{tracks}['video']['timeslice_ms'] == {tracks}['audio']['timeslice_ms'] == 500")
    plays(grace)

    ada.python("call.name = '<b>Ada</b> L.'")
    grace.wait_python("call.peers[0].name == '<b>Ada</b> L.'")
    grace.page.get_by_text("<b>Ada</b> L.", exact=True).first.wait_for()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda end: end.name)
def test_a_relay_that_ends_heals_without_a_click(
    lab: JupyterLab, notebook: OpenNotebook, room: str, end: signal.Signals
) -> None:
    ada = joined(notebook(cell(room, "Ada")))
    grace = joined(notebook(cell(room, "Grace")))
    plays(ada)
    plays(grace)
    for one in (ada, grace):
        one.python("story = []; call.observe(lambda change: story.append(change['new']), 'state')")
    ids = [one.python("print(call.peers[0].id)") for one in (ada, grace)]
    os.kill(lab.relay()["pid"], end)
    ada.wait_python("story == ['reconnecting', 'joined']")
    grace.wait_python("story == ['reconnecting', 'joined']")
    plays(ada)
    plays(grace)
    # Another id would be a second tile, beside the empty one of the first.
    assert [one.python("print(call.peers[0].id)") for one in (ada, grace)] == ids


def test_who_runs_the_room_keeps_order_in_it(notebook: OpenNotebook, room: str) -> None:
    ada = joined(notebook(cell(room, "Ada")))
    grace = joined(notebook(cell(room, "Grace")))
    plays(ada)

    ada.python("call.mute('Grace')")
    ada.wait_python("[track['track'] for track in call.peers[0].tracks] == ['video']")
    grace.page.get_by_text("Muted by the host").first.wait_for()
    plays(ada, sound=False)
    ada.python("call.mute('Grace', 'all')")
    ada.wait_python("call.peers[0].tracks == ()")
    ada.page.wait_for_selector(".rw-tile[data-peer] .rw-face")
    grace.page.get_by_text("Muted by the host").first.wait_for()
    plays(grace)
    ada.python("call.unmute('Grace')")
    grace.page.get_by_text("Muted by the host").first.wait_for(state="detached")
    plays(ada)

    ada.python("call.remove('Grace')")
    ada.wait_python("call.peers == ()")
    grace.page.get_by_text("The host removed you").first.wait_for()
    grace.wait_python("call.error and call.error['code'] == 'removed'")
    assert grace.page.evaluate("document.querySelectorAll('video').length") == 0
    grace.page.get_by_role("button", name="Rejoin").click()
    plays(ada)
    plays(grace)

    grace.python("call.end()")
    for one in (ada, grace):
        one.page.get_by_text("ended this call for everybody").first.wait_for()
        one.wait_python("call.error and call.error['code'] == 'room-ended' and call.peers == ()")


def test_a_busy_cell_hurts_nobody_and_the_traits_move(notebook: OpenNotebook, room: str) -> None:
    busy = """
import time
seen, end = set(), time.monotonic() + 10
while time.monotonic() < end:
    sum(range(10_000))
    seen.add((call.state, len(call.peers), call.stats.get('sent_chunks')))
print(len(seen), call.state)
"""
    ada = joined(notebook(cell(room, "Ada")))
    grace = joined(notebook(cell(room, "Grace")))
    plays(grace)
    plays(ada)
    cell_id = ada.kernel.execute(busy, store_history=False)
    seen = watch(grace.page, seconds=8)
    assert ada.reply_to(cell_id, within_s=30) is not None
    moves, state = ada.output_of(cell_id).split()
    assert int(moves) > 10
    assert state == "joined"
    # Who waits for the cell stands still for all of it; how smooth it is on a busy machine, benchmarks say.
    assert seen["advanced_s"] > 3
    assert seen["longest_still_ms"] < 3000


def test_queue_depth_moves_while_its_cell_is_running(lab: JupyterLab, notebook: OpenNotebook, room: str) -> None:
    """`while call.queue_depth < 3` in a cell ends: here a publisher sends whole recordings in one go."""
    ada = joined(notebook(cell(room, "Ada")))
    wait = "import time\nend = time.monotonic() + 40\n"
    wait += "while call.queue_depth < 3 and time.monotonic() < end: time.sleep(.1)"
    cell_id = ada.kernel.execute(f"{wait}\nprint(call.queue_depth >= 3)", store_history=False)
    with ScriptedPeer(lab, room, "Bursts") as bursts:
        reply, epoch = None, 0
        while reply is None:
            epoch += 1
            for labelled in recording("vp8-opus", piece_bytes=1500):
                bursts.send(epoch, labelled)
            reply = ada.reply_to(cell_id, within_s=1)
    assert ada.output_of(cell_id) == "True"


def test_garbage_in_a_chunk_is_survived(lab: JupyterLab, notebook: OpenNotebook, room: str) -> None:
    """Another participant sends noise instead of media, then media again: everybody plays on, then it plays too."""
    ada = joined(notebook(cell(room, "Ada")))
    grace = joined(notebook(cell(room, "Grace")))
    plays(ada)
    with ScriptedPeer(lab, room, "Noise") as noise:
        ada.wait_python("sorted(p.name for p in call.peers) == ['Grace', 'Noise']")
        noise.send(1, ("init", 0, 0, os.urandom(200)))
        for group in range(1, 6):
            noise.send(1, ("key", group, 0, os.urandom(5000)))
        noise_video = f'video[data-peer-id="{noise.id}"]'
        plays(ada, f'video[data-peer-id]:not([data-peer-id="{noise.id}"])')
        # As a camera does, it goes on: a page on a busy machine may leave out what comes all at once.
        for epoch in range(2, 22):
            for labelled in recording("vp8-opus", piece_bytes=4000):
                noise.send(epoch, labelled)
            ada.page.wait_for_timeout(1000)
            if ada.page.evaluate("s => document.querySelector(s).currentTime > 0", noise_video):
                break
        else:
            pytest.fail("it never plays")
    grace.wait_python("[p.name for p in call.peers] == ['Ada']")


def test_saved_notebook_holds_no_token_and_no_media(lab: JupyterLab, notebook: OpenNotebook, room: str) -> None:
    ada = joined(notebook(cell(room, "Ada")))
    grace = joined(notebook(cell(room, "Grace")))
    plays(ada)
    saved = str(ada.save())
    assert "Call(room=" in saved
    assert lab.relay()["secret"] not in saved
    assert not re.search(r"eyJ[\w-]{10,}\.", saved), "a JSON web token"
    assert "webm" not in saved
    grace.python("call.leave()")
    grace.wait_python("call.state == 'left'")


def test_nothing_is_captured_before_join(notebook: OpenNotebook, room: str) -> None:
    quiet = notebook(
        f"from relay_widget import Call\ncall = Call(room={room!r}, name='Ada')\ncall",
        init_script="window.asked = 0; const ask = MediaDevices.prototype.getUserMedia;"
        "MediaDevices.prototype.getUserMedia = function (...a) { window.asked += 1; return ask.apply(this, a); };",
    )
    quiet.run_all()
    join = quiet.page.get_by_role("button", name=f"Join “{room}”")
    join.wait_for()
    quiet.wait_python("call.state == 'idle'")
    assert quiet.page.evaluate("window.asked") == 0
    join.click()
    quiet.page.wait_for_selector(".rw[data-phase=joined]")
    assert quiet.page.evaluate("window.asked") == 1


def test_a_denied_camera_is_said_in_words_and_can_be_gone_around(lab: JupyterLab, room: str) -> None:
    with chromium(without=("--use-fake-ui-for-media-stream",)) as strict:
        path = lab.write("denied.ipynb", f"from relay_widget import Call\ncall = Call(room={room!r}, name='Ada')\ncall")
        with open_notebook(lab, strict, path, permissions=[]) as ada:
            ada.run_all()
            ada.page.get_by_role("button", name=f"Join “{room}”").click()
            ada.page.get_by_text("blocked").first.wait_for()
            ada.wait_python("call.error and call.error['code'] == 'permission-denied'")
            ada.page.get_by_role("button", name=re.compile("without", re.IGNORECASE)).click()
            ada.wait_python("call.state == 'joined'")


def test_closing_the_view_ends_the_participant(notebook: OpenNotebook, room: str) -> None:
    ada = joined(notebook(cell(room, "Ada")))
    grace = joined(notebook(cell(room, "Grace")))
    plays(grace)
    ada.python("call.close()")
    grace.wait_python("call.peers == ()")
    ada.page.wait_for_selector(".rw", state="detached")


def test_the_kernel_that_started_the_relay_can_be_killed(lab: JupyterLab, notebook: OpenNotebook, room: str) -> None:
    lab.stop_relay()
    ada = joined(notebook(cell(room, "Ada")))  # her kernel starts the relay
    grace = joined(notebook(cell(room, "Grace")))
    katherine = joined(notebook(cell(room, "Katherine")))
    pid = lab.relay()["pid"]
    ada.python("import os; pid = os.getpid(); print(pid)")
    kernel = int(ada.python("print(pid)"))
    grace_id = katherine.python("print(next(p.id for p in call.wait_for_peers(2, 20) if p.name == 'Grace'))")
    plays(katherine, f'video[data-peer-id="{grace_id}"]')
    os.kill(kernel, signal.SIGKILL)
    plays(katherine, f'video[data-peer-id="{grace_id}"]')
    assert lab.relay()["pid"] == pid
    grace.wait_python("call.state == 'joined'")


def test_the_first_notebook_runs_all(lab: JupyterLab, browser: Browser) -> None:
    path = lab.copy(ROOT / "notebooks" / "01-first-call.ipynb")
    with open_notebook(lab, browser, path) as first:
        first.run_all()
        first.page.wait_for_function("document.querySelectorAll('.rw[data-phase=joined]').length === 2", timeout=60_000)
        first.wait_python("[p.name for p in ada.peers] == ['Grace'] and [p.name for p in grace.peers] == ['Ada']")
        for call in ("ada", "grace"):
            (peer,) = first.python(f"print({call}.peers[0].id)").split()
            plays(first, f'video[data-peer-id="{peer}"]')
