"""A camera in the acquisition's child process; network streams are in test_network_source."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stand_in_child import NUM_BATCHES

from events.live import child_acquisition
from events.live.acquisition import CLOSED, Batch, Ended, Opened, Report
from events.live.child_acquisition import ChildAcquisition
from events.packet import SensorSize

TESTS = Path(__file__).resolve().parents[2]


@pytest.fixture
def acquire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ChildAcquisition]]:
    """A function that connects to a stand-in camera of that kind."""
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    acquisitions: list[ChildAcquisition] = []

    def connect(kind: str) -> ChildAcquisition:
        acquisition = ChildAcquisition(f"camera:{kind}", program="stand_in_child")
        acquisitions.append(acquisition)
        acquisition.connect()
        return acquisition

    yield connect
    for acquisition in acquisitions:
        acquisition.close()


def poll_until(acquisition: ChildAcquisition, kind: type[Report]) -> list[Report]:
    reports: list[Report] = []
    deadline_s = time.monotonic() + 30
    while not any(isinstance(report, kind) for report in reports):
        assert time.monotonic() < deadline_s, "waited too long"
        reports += acquisition.poll(0.01)
    return reports


@contextlib.contextmanager
def polled(acquisition: ChildAcquisition) -> Iterator[None]:
    """Poll in another thread, as a source's reader does."""
    stopping = threading.Event()

    def poll() -> None:
        while not stopping.is_set():
            acquisition.poll(0.01)

    thread = threading.Thread(target=poll)
    thread.start()
    yield
    stopping.set()
    thread.join()


def test_a_camera_opens_and_gives_its_events_until_it_is_unplugged(acquire) -> None:
    reports = poll_until(acquire("unplugged"), Ended)
    assert isinstance(reports[0], Opened)
    assert (reports[0].name, reports[0].sensor) == ("DVXplorer_STANDIN1", SensorSize(64, 48))
    batches = [report for report in reports if isinstance(report, Batch)]
    assert [int(x) for batch in batches for x in batch.events["x"]] == list(range(NUM_BATCHES))
    assert reports[-1] == Ended(reason=CLOSED)


def test_a_control_is_set_and_read_back_in_the_child(acquire) -> None:
    acquisition = acquire("plugged")
    assert acquisition.controls() == []
    poll_until(acquisition, Opened)
    assert {c.name: c.value for c in acquisition.controls()}["contrast_threshold_on"] == 9
    with polled(acquisition):
        assert acquisition.set_control("contrast_threshold_on", 3).value == 3
        assert acquisition.set_control("crop", (1, 2, 30, 20)).value == (1, 2, 30, 20)
        assert acquisition.set_control("readout_fps", "CONSTANT_100").value == "CONSTANT_100"
    values = {control.name: control.value for control in acquisition.controls()}
    assert (values["contrast_threshold_on"], values["crop"]) == (3, (1, 2, 30, 20))


def test_a_value_that_the_camera_does_not_take_is_refused_in_its_words(acquire) -> None:
    acquisition = acquire("plugged")
    poll_until(acquisition, Opened)
    with polled(acquisition):
        with pytest.raises(ValueError, match="contrast_threshold_on must lie between 0 and 17"):
            acquisition.set_control("contrast_threshold_on", 18)
        with pytest.raises(ValueError, match="this camera has no control 'shutter'"):
            acquisition.set_control("shutter", 1)


def test_a_question_without_an_answer_is_given_up_and_its_late_answer_not_mistaken(
    acquire, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquisition = acquire("plugged")
    poll_until(acquisition, Opened)
    monkeypatch.setattr(child_acquisition, "ANSWER_LIMIT_S", 0.05)
    with pytest.raises(ValueError, match=r"did not answer within 0\.05 s"):
        acquisition.set_control("contrast_threshold_on", 3)  # nobody polls
    monkeypatch.setattr(child_acquisition, "ANSWER_LIMIT_S", 10)
    with polled(acquisition):
        assert acquisition.set_control("contrast_threshold_off", 5).name == "contrast_threshold_off"


def test_a_camera_that_is_not_open_cannot_be_set(acquire) -> None:
    acquisition = acquire("unplugged")
    with pytest.raises(ValueError, match="the camera is not open"):
        acquisition.set_control("contrast_threshold_on", 3)
    poll_until(acquisition, Ended)
    assert acquisition.controls() == []
    with pytest.raises(ValueError, match="the camera is not open"):
        acquisition.set_control("contrast_threshold_on", 3)


def test_a_camera_that_hangs_is_given_up(acquire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_acquisition, "SILENCE_LIMIT_S", 0.3)
    reports = poll_until(acquire("hanging"), Ended)
    assert isinstance(reports[-1], Ended)
    assert "ended with code -9" in reports[-1].reason or "did not answer" in reports[-1].reason


def test_a_killed_child_is_told_and_the_ring_goes_with_it(acquire) -> None:
    acquisition = acquire("plugged")
    poll_until(acquisition, Opened)
    assert acquisition.pid is not None
    os.kill(acquisition.pid, 9)
    reports = poll_until(acquisition, Ended)
    assert reports[-1] == Ended(reason="the acquisition process ended with code -9")
    assert acquisition.pid is None
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert "saccade-events" not in maps.read_text()
