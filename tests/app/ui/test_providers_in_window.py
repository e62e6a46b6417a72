"""The provider in the window: what may be chosen, why it is not, and what a lost GPU looks like."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from lost_engine import LostEngine
from wrapped_engine import WrappedEngine

from app.engines import load_engine
from app.scene import PipelineState
from app.ui import engine_loader
from app.ui.engine_loader import EngineLoader
from export.backends.backend import EngineError


def action(window, text):
    menu = window.parts.top.engine.menu()
    return next(action for action in menu.actions() if action.text() == text)


def wait_for_engine(qtbot, window):
    qtbot.waitUntil(lambda: window.session.engine is not None, timeout=20_000)
    window.tick()


def test_providers_that_cannot_run_are_greyed_out_with_the_reason(window, qtbot, monkeypatch):
    problems = {"tensorrt": "libnvinfer.so.10 not found: pip install 'tensorrt-cu13>=10.15,<11'"}
    monkeypatch.setattr(engine_loader, "provider_problems", lambda: problems)
    window.load_engine()
    wait_for_engine(qtbot, window)
    assert not action(window, "TensorRT").isEnabled()
    assert action(window, "TensorRT").toolTip() == problems["tensorrt"]
    assert window.parts.top.engine.menu().toolTipsVisible()
    for text in ("Automatic", "CPU"):
        assert action(window, text).isEnabled()


def test_choosing_a_provider_loads_the_engine_on_it(window, qtbot):
    window.load_engine()
    wait_for_engine(qtbot, window)
    before = window.session.engine
    action(window, "CPU").trigger()
    qtbot.waitUntil(lambda: window.session.engine not in (None, before), timeout=20_000)
    assert window.preferences.provider == "cpu"


def test_why_a_provider_was_picked_stands_in_its_tool_tip(window, qtbot, monkeypatch):
    from export.backends import onnxruntime

    line = "automatic choice CPU 96x64: 2.0 ms, 500 windows/s of 50 asked (OpenVINO 96x64: 3.0 ms)"

    def load(path, provider, progress):
        return onnxruntime.load(path, provider="cpu", notes=(line,))

    monkeypatch.setattr(window.session._loader, "_load", load)
    window.load_engine()
    wait_for_engine(qtbot, window)
    assert line in window.parts.top.badge.toolTip()
    assert window.parts.messages.text == ""  # it was remembered: nothing new to tell


def test_what_loading_does_is_shown_while_it_lasts_and_what_it_found(window, qtbot, monkeypatch):
    from export.backends import onnxruntime

    may_end = threading.Event()
    line = "automatic choice CPU 96x64: 2.0 ms, 500 windows/s of 50 asked"

    def load(path, provider, progress):
        progress("measuring tiny.onnx on CPU, once on this machine")
        may_end.wait(10)
        return onnxruntime.load(path, provider="cpu", notes=(line,))

    monkeypatch.setattr(window.session._loader, "_load", load)
    window.load_engine()
    qtbot.waitUntil(lambda: window.parts.messages.text.startswith("measuring tiny.onnx"))
    assert window.parts.messages.role == "progress"
    assert window.parts.messages.icon_name == "information"
    may_end.set()
    wait_for_engine(qtbot, window)
    assert (window.parts.messages.text, window.parts.messages.role) == (line, "note")


class CountingEngine(WrappedEngine):
    """Drops three events of each window, and says so as an engine of raw events would."""

    num_dropped = 0

    @property
    def notes(self):
        dropped = (f"{self.num_dropped:,} events dropped: take shorter windows",)
        return (*super().notes, *(dropped if self.num_dropped else ()))

    def before_run(self):
        self.num_dropped += 3


def test_what_an_engine_comes_to_note_is_said_once_though_it_goes_on_counting(
    window, qtbot, recording, tiny_engine, monkeypatch
):
    monkeypatch.setattr(
        window.session._loader, "_load", lambda *_: CountingEngine(load_engine(tiny_engine, "cpu"))
    )
    window.load_engine()
    wait_for_engine(qtbot, window)
    assert "events dropped" not in window.parts.top.badge.toolTip()
    window.open(str(recording))
    qtbot.waitUntil(lambda: "events dropped" in window.parts.messages.text, timeout=20_000)
    assert window.parts.messages.role == "warning"
    first = window.parts.top.badge.toolTip()
    qtbot.waitUntil(lambda: window.parts.top.badge.toolTip() != first, timeout=20_000)
    assert window.parts.messages.details.toPlainText().count("events dropped") == 1


@pytest.fixture
def losing(window, qtbot, recording, monkeypatch):
    """A window whose GPU is lost after some windows of a recording."""
    engines = []

    def load(path, provider, progress):
        engines.append(LostEngine(load_engine(path, "cpu"), num_runs=5))
        return engines[-1]

    monkeypatch.setattr(window.session._loader, "_load", load)
    window.load_engine()
    wait_for_engine(qtbot, window)
    assert "CUDA" in window.parts.top.badge.text()
    window.open(str(recording))
    return window, engines


def test_a_lost_gpu_shows_one_banner_lights_the_provider_and_the_stream_lives(losing, qtbot):
    window, engines = losing
    badge = window.parts.top.badge
    lit = []
    window.timer.timeout.connect(lambda: lit.append(badge.is_lit))
    qtbot.waitUntil(lambda: "The GPU was lost" in window.parts.messages.text, timeout=20_000)
    assert window.parts.messages.role == "warning"
    assert window.parts.messages.icon_name == "warning"
    qtbot.waitUntil(lambda: window.session.engine is not engines[0], timeout=20_000)
    assert window.session.engine.provider == "CPU"
    qtbot.waitUntil(lambda: badge.text().startswith("CPU · "), timeout=20_000)
    qtbot.waitUntil(lambda: any(lit), timeout=20_000)
    num_windows = window.session.stats().num_windows
    qtbot.waitUntil(lambda: window.session.stats().num_windows > num_windows + 5, timeout=20_000)
    assert window.session.state is PipelineState.RUNNING
    assert window.session.stats().latency["infer"].p50_ms > 0
    assert "GPU lost, gone on with the CPU: 1" in badge.toolTip()
    qtbot.waitUntil(lambda: not badge.is_lit, timeout=20_000)
    assert "GPU lost, gone on with the CPU: 1" in badge.toolTip()
    log = window.parts.messages.details.toPlainText()
    assert log.count("The GPU was lost") == 1
    assert engines[0].num_tries_after == 1


def test_the_next_source_stays_on_the_cpu_until_the_gpu_is_asked_for_again(
    losing, qtbot, recording
):
    window, engines = losing
    qtbot.waitUntil(lambda: window.session.engine is not engines[0], timeout=20_000)
    window.open(str(recording))
    qtbot.waitUntil(lambda: window.session.stats().num_windows > 3, timeout=20_000)
    assert window.session.engine.provider == "CPU"
    assert len(engines) == 1
    action(window, "Automatic").trigger()
    qtbot.waitUntil(lambda: window.session.engine is engines[-1], timeout=20_000)
    assert len(engines) == 2


def test_a_recording_is_whole_though_the_gpu_was_lost(losing, qtbot, tmp_path):
    from events.recordings.open import open_recording

    window, engines = losing
    path = tmp_path / "kept.aedat4"
    qtbot.waitUntil(lambda: window.display.can_record, timeout=20_000)
    assert window.session.start_recording(path)
    qtbot.waitUntil(lambda: window.session.engine is not engines[0], timeout=20_000)
    num_windows = window.session.stats().num_windows
    qtbot.waitUntil(lambda: window.session.stats().num_windows > num_windows + 3, timeout=20_000)
    recorded = window.session.recording
    window.session.stop_recording()
    with open_recording(path) as kept:
        assert kept.damage.is_clean
        assert sum(len(packet) for packet in kept.packets()) == recorded.num_events > 0


@pytest.fixture
def loader():
    """A loader whose engines come when the test lets them."""
    may_end = threading.Event()

    def load(path, provider, progress):
        progress(f"loading on {provider}")
        may_end.wait(10)
        progress("nearly there")
        raise EngineError(f"{provider} failed")

    made = EngineLoader(load)
    yield made, may_end
    may_end.set()
    made.shut_down()


def test_an_engine_that_nobody_wants_any_more_says_nothing(loader, qtbot):
    made, may_end = loader
    made.request(Path("a.onnx"), "cuda")
    made.request(Path("a.onnx"), "cpu")
    qtbot.waitUntil(lambda: made.take() is None and made.progress == "loading on cpu")
    may_end.set()
    found = []
    qtbot.waitUntil(lambda: found.append(made.take()) or found[-1] is not None)
    assert found[-1].error == "cpu failed"
    assert not made.is_loading
    made.shut_down()
    assert made.take() is None
