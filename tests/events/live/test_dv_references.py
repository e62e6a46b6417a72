"""What is called of dv-processing, thousands of times over, keeps the interpreter's own objects."""

from __future__ import annotations

import sys
from collections.abc import Callable

import dv_processing as dv
import pytest
from stand_in_camera import StandInCamera
from stand_in_devices import StandInDevice, store

from events.live.dv_reader import DvReader
from events.live.open_device import find_cameras

NUM_CALLS = 5_000
StartCamera = Callable[..., StandInCamera]


def keeps_references(call: Callable[[], object], num_calls: int = NUM_CALLS) -> bool:
    """Return whether the references to None, True and False change by far less than one a call."""
    call()
    before = [sys.getrefcount(one) for one in (None, True, False)]
    for _ in range(num_calls):
        call()
    after = [sys.getrefcount(one) for one in (None, True, False)]
    return max(abs(one - other) for one, other in zip(before, after, strict=True)) < num_calls / 5


def test_reading_batches_keeps_the_references() -> None:
    batch = store((1, 2, 3, True), (2, 3, 4, False))
    device = StandInDevice()
    reader = DvReader(device)

    def read() -> None:
        device.batches = [batch, None]
        assert len(reader.read().events) == 2
        assert reader.is_running

    assert keeps_references(read)


@pytest.mark.parametrize(
    "call",
    [
        lambda: store((1, 2, 3, True)),
        lambda: store((1, 2, 3, True)).numpy(),
        lambda: store().isEmpty(),
        lambda: len(store((1, 2, 3, False))),
    ],
    ids=["push_back", "numpy", "isEmpty", "len"],
)
def test_stores_keep_the_references(call: Callable[[], object]) -> None:
    assert keeps_references(call)


def test_looking_for_cameras_keeps_the_references() -> None:
    assert keeps_references(find_cameras, 300)  # it asks the USB each time


def test_a_call_that_loses_one_reference_is_found_out() -> None:
    kept: list[object] = []
    assert not keeps_references(lambda: kept.append(None), 300)


def test_an_input_that_has_nothing_keeps_the_references(stand_in_camera: StartCamera) -> None:
    camera = stand_in_camera("unix", pattern="quiet")
    device = dv.io.NetworkReader(camera.address.removeprefix("unix:"))
    reader = DvReader(device)
    assert keeps_references(lambda: (device.getNextEventBatch(), reader.is_running))
    assert keeps_references(device.isEventStreamAvailable)
    assert keeps_references(device.getEventResolution)
