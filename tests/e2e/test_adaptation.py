"""Less picture where the network holds less: the sender follows, the sound goes on, and it recovers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from .lab import Notebook, watch
from .test_call import cell, joined, plays

if TYPE_CHECKING:
    from collections.abc import Callable

    OpenNotebook = Callable[..., Notebook]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

OWN_BARS = '.rw-tile[aria-label="You"] .rw-bars'


def sends_no_less(who: Notebook) -> bool:
    """For anybody else's sake, that is: a computer that is too busy to encode may have it send less."""
    words = who.page.get_attribute(OWN_BARS, "aria-label") or ""
    return who.python("print(call.stats['sent_level'])") == "0" or "This computer is busy" in words


def test_the_picture_gets_smaller_on_a_slow_link_and_recovers(
    notebook: OpenNotebook, request: pytest.FixtureRequest
) -> None:
    room = str(request.node.name)[:60]
    ada = joined(notebook(cell(room, "Ada")))
    grace = joined(notebook(cell(room, "Grace")))
    plays(ada)
    plays(grace)
    ada.wait_python("call.stats.get('sent_level') == 0 and call.stats['sent_kbps'] > 0")
    full_width = watch(grace.page)["width"]

    ada.python("call.impair('Grace', rate_kbps=250)")
    ada.wait_python("call.stats['sent_level'] > 0", timeout_s=60)
    ada.page.wait_for_selector(f"{OWN_BARS}:not(.rw-good)")
    assert "sent smaller" in (ada.page.get_attribute(OWN_BARS, "aria-label") or "")
    grace.page.wait_for_function(
        "width => (document.querySelector('video[data-peer-id]')?.videoWidth ?? width) < width",
        arg=full_width,
        timeout=60_000,
    )
    plays(grace)  # smaller pictures, and the sound
    plays(ada)  # whose link is as it was
    assert sends_no_less(grace)

    ada.python("call.impair('Grace')")
    ada.wait_python("call.stats['sent_level'] == 0", timeout_s=150)
    grace.page.wait_for_function(
        "width => document.querySelector('video[data-peer-id]')?.videoWidth === width", arg=full_width, timeout=60_000
    )
    plays(grace)


def test_one_of_many_on_a_slow_link_does_not_make_it_worse_for_the_others(
    notebook: OpenNotebook, request: pytest.FixtureRequest
) -> None:
    room = str(request.node.name)[:60]
    ada = joined(notebook(cell(room, "Ada")))
    grace = joined(notebook(cell(room, "Grace", source="pattern", camera=False)))
    noor = joined(notebook(cell(room, "Noor", source="pattern", camera=False)))
    ada.wait_python("len(call.peers) == 2 and call.stats.get('sent_level') == 0")
    plays(grace)

    ada.python("call.impair('Noor', rate_kbps=150)")
    time.sleep(8)  # the point: long enough for two who lag to have been heeded
    noor.wait_python("call.stats['dropped_groups'] > 0")
    assert sends_no_less(ada)
    plays(grace)
