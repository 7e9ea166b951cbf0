"""What is written wrong is said, and what can be written is offered: arguments, attributes, keys, names."""

from __future__ import annotations

import doctest
import inspect
from typing import TYPE_CHECKING, Any

import pytest
import traitlets as t
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from relay_widget import Call, InvalidValueError, LatencyLab, Peer, Recorder, RemotePeer, attributes, by_peer
from relay_widget.by_peer import ByPeer
from relay_widget.errors import UnknownAttributeError, UnknownFiguresError
from relay_widget.monitor import standings
from relay_widget.settings import DEFAULT_TIMESLICE_MS

from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


NOWHERE = "http://127.0.0.1:9"
SETTINGS = (
    "room",
    "name",
    "url",
    "token",
    "timeslice",
    "target_latency",
    "source",
    "microphone",
    "camera",
    "auto_join",
)


@pytest.fixture(params=[Call, LatencyLab])
def call(request: pytest.FixtureRequest) -> Iterator[Call]:
    made = request.param(url=NOWHERE)
    yield made
    made.close()


def test_the_doctor_names_the_calls_that_something_is_in_the_way_of(call: Call) -> None:
    """Also when the relay that it looks at is another, and well."""
    wait_until(lambda: call.error is not None)
    assert [(one.call, one.code) for one in standings()] == [(repr(call), "no-answer")]
    call.close()
    assert standings() == ()


class TestAttributes:
    @pytest.mark.parametrize(
        ("wrong", "meant"),
        [("rooom", "room"), ("microfone", "microphone"), ("timeslize", "timeslice")],
    )
    def test_a_misspelt_one_is_refused_with_a_hint(self, call: Call, wrong: str, meant: str) -> None:
        with pytest.raises(UnknownAttributeError, match=f"Did you mean '{meant}'") as refused:
            setattr(call, wrong, "x")
        assert refused.value.code == "unknown-attribute"
        assert isinstance(refused.value, AttributeError)
        assert not hasattr(call, wrong)

    def test_one_that_is_like_no_other_is_refused(self, call: Call) -> None:
        with pytest.raises(UnknownAttributeError, match="has no attribute 'volume'"):
            call.volume = 0.5

    @pytest.mark.parametrize("method", ["mute", "join", "close", "wait_for_peers"])
    def test_a_method_is_called_not_assigned(self, call: Any, method: str) -> None:
        with pytest.raises(UnknownAttributeError, match=f"{method} is a method") as refused:
            setattr(call, method, True)
        assert refused.value.code == "not-an-attribute"
        assert callable(getattr(call, method))

    def test_what_there_is_can_be_set(self, call: Call) -> None:
        call.room = "hall"
        call._mine = 1
        call.layout.height = "300px"
        call.tooltip = "a call"
        call.add_traits(volume=t.Float(1.0))
        call.volume = 0.5
        assert (call.room, call.volume) == ("hall", 0.5)
        with pytest.raises(UnknownAttributeError):
            call.rooom = "x"

    def test_a_subclass_has_its_own(self) -> None:
        class Mine(Call):
            camera = t.Bool(default_value=False).tag(sync=True)

            def __init__(self, **settings: Any) -> None:
                self.before = 1
                super().__init__(url=NOWHERE, **settings)
                self.after = 2

        mine = Mine()
        try:
            assert (mine.before, mine.after, mine.camera) == (1, 2, False), "its own default holds, too"
        finally:
            mine.close()


class TestAttributesOfOthers:
    @pytest.mark.parametrize(
        ("wrong", "what"), [("rooom", "did you mean"), ("volume", "no attribute"), ("close", "a method")]
    )
    def test_a_peer_refuses_what_it_has_not(self, wrong: str, what: str) -> None:
        peer = Peer("lab", url=NOWHERE)
        with pytest.raises(UnknownAttributeError, match=f"(?i){what}"):
            setattr(peer, wrong, True)

    def test_a_recorder_too_and_keeps_its_own(self, tmp_path: Path) -> None:
        recorder = Recorder("lab", tmp_path / "lab.relay", url=NOWHERE)
        with pytest.raises(UnknownAttributeError, match="Did you mean 'dropped'"):
            recorder.droped = 1  # type: ignore[attr-defined]
        recorder.objects = 3
        assert recorder.objects == 3


class TestSignature:
    @pytest.mark.parametrize("kind", [Call, LatencyLab])
    def test_it_shows_each_setting(self, kind: type[Call]) -> None:
        assert {*SETTINGS, *kind._settable} - {"layout"} <= inspect.signature(kind).parameters.keys()

    @pytest.mark.parametrize("kind", [Call, LatencyLab])
    def test_its_defaults_are_those_of_the_traits(self, kind: type[Call]) -> None:
        for name, parameter in inspect.signature(kind).parameters.items():
            if name in kind.class_traits() and name not in ("room", "name", "layout"):
                assert repr(parameter.default) == repr(kind.class_traits()[name].default_value), name

    @pytest.mark.parametrize(
        ("typed", "offered"),
        [("Call(sou", "source="), ("Call(time", "timeslice="), ("LatencyLab(jit", "jitter_ms=")],
    )
    def test_ipython_completes_it(self, typed: str, offered: str) -> None:
        shell = InteractiveShell.instance()
        shell.user_ns |= {"Call": Call, "LatencyLab": LatencyLab}
        for shell.Completer.use_jedi in (True, False):
            with provisionalcompleter():
                assert offered in [found.text for found in shell.Completer.completions(typed, len(typed))]

    def test_a_setting_that_is_given_holds_and_one_that_is_not_is_the_class_s(self) -> None:
        lab = LatencyLab(url=NOWHERE)
        other = LatencyLab(url=NOWHERE, source="camera", timeslice=40, delay_ms=5)
        try:
            assert (lab.source, lab.timeslice) == ("pattern", DEFAULT_TIMESLICE_MS)
            assert (other.source, other.timeslice, other.delay_ms) == ("camera", 40, 5)
        finally:
            lab.close()
            other.close()


class TestByPeer:
    peers = (RemotePeer("p1", "Grace"), RemotePeer("p2", "Ada"), RemotePeer("p3", "Ada"), RemotePeer("p4", "New"))

    @pytest.fixture
    def figures(self) -> ByPeer[int]:
        return ByPeer({"p1": 1, "p2": 2, "p3": 3}, "lab", self.peers)

    def test_ids_names_and_peers_find_it(self, figures: ByPeer[int]) -> None:
        assert figures == {"p1": 1, "p2": 2, "p3": 3}
        assert [figures[key] for key in ("p1", "Grace", self.peers[0], self.peers[2])] == [1, 1, 1, 3]
        assert ("Grace" in figures, "Nobody" in figures, "New" in figures) == (True, False, False)
        assert (figures.get("Grace"), figures.get("Nobody"), figures.get("New", 0)) == (1, None, 0)

    @pytest.mark.parametrize(
        ("key", "code"),
        [("Nobody", "unknown-peer"), ("Ada", "ambiguous-peer"), ("New", "no-figures"), (None, "unknown-peer")],
    )
    def test_what_finds_nothing_says_why(self, figures: ByPeer[int], key: Any, code: str) -> None:
        with pytest.raises(UnknownFiguresError) as refused:
            figures[key]
        assert refused.value.code == code
        assert isinstance(refused.value, KeyError)
        assert isinstance(refused.value, InvalidValueError)
        assert str(refused.value) == refused.value.message

    def test_a_new_name_is_a_change(self, figures: ByPeer[int]) -> None:
        """Else the trait would keep what is found by the old one."""
        renamed = ByPeer(dict(figures), "lab", [RemotePeer(peer.id, f"{peer.name} II") for peer in figures._peers])
        assert renamed != figures
        assert ByPeer(dict(figures), "lab", figures._peers) == figures


class TestNames:
    def named(self, monkeypatch: pytest.MonkeyPatch, login: str | None, hub: str | None = None) -> str:
        def getuser() -> str:
            if login is None:
                raise OSError("no user")
            return login

        monkeypatch.setattr("getpass.getuser", getuser)
        monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
        if hub is not None:
            monkeypatch.setenv("JUPYTERHUB_USER", hub)
        made = Call(url=NOWHERE)
        try:
            return str(made.name)
        finally:
            made.close()

    @pytest.mark.parametrize("login", ["root", "jovyan", "Root", "nobody", "ubuntu", None, ""])
    def test_a_container_s_user_is_a_guest(self, monkeypatch: pytest.MonkeyPatch, login: str | None) -> None:
        assert self.named(monkeypatch, login) == "Guest"

    def test_a_person_s_login_and_the_hub_s_name_stay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.named(monkeypatch, "ada") == "ada"
        assert self.named(monkeypatch, "jovyan", "grace") == "grace"
        assert self.named(monkeypatch, "ada", "") == "ada"


@pytest.mark.parametrize("module", [attributes, by_peer])
def test_the_examples_run(module: object, runtime: Path) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
