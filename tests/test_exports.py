from __future__ import annotations

import subprocess
import sys

import pytest

import relay_widget


def test_the_public_names_are_these() -> None:
    assert relay_widget.__all__ == [
        "AudioBlock",
        "AudioStream",
        "Call",
        "FrontendMissingError",
        "InvalidValueError",
        "LatencyLab",
        "ListenerInfo",
        "MediaError",
        "MissingExtraError",
        "NothingReceivedError",
        "Peer",
        "PeersTimeoutError",
        "Publication",
        "RecordedCall",
        "Recorder",
        "RecordingError",
        "RelayRequestError",
        "RelayStartError",
        "RelayWidgetError",
        "RemotePeer",
        "Replay",
        "UnknownAttributeError",
        "VideoFrame",
        "VideoStream",
        "WaitTimeoutError",
        "WireError",
        "__version__",
        "doctor",
        "export",
        "open_recording",
        "replay",
    ]


@pytest.mark.parametrize("name", relay_widget.__all__)
def test_each_can_be_imported_and_is_documented(name: str) -> None:
    value = getattr(relay_widget, name)
    assert value.__doc__


def test_other_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Cal'"):
        _ = relay_widget.Cal


@pytest.mark.process
def test_importing_the_package_does_not_import_widgets_or_sockets() -> None:
    heavy = "anywidget,ipywidgets,socketio,aiohttp,IPython,av,numpy,PIL,pytest,nbval"
    code = f"import sys, relay_widget; print([m for m in {heavy.split(',')!r} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
