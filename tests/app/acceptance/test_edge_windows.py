"""Windows of no event, of one, of one instant, at 1e15 us: every stage takes them as at 0 us."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from app.engines import load_engine
from app.inference import Inference
from app.predictions import ArrayWriter, row
from app.recorder import FileRecorder
from app.render import Image, accumulated_image, surface_image, voxel_image
from app.scene import Scene, StageLatency
from app.token_view import TokenView
from app.video import VideoWriter, picture
from events.filters import (
    BackgroundActivityConfig,
    FilterConfig,
    HotPixelsConfig,
    RefractoryConfig,
)
from events.packet import EventPacket, SensorSize, pack_events
from events.recordings.open import open_recording
from events.recordings.writers import WRITER_FORMATS
from events.surface import Surface
from events.windows import Window, WindowConfig, slide

SENSOR = SensorSize(64, 48)
LATE_US, LENGTH_US = 10**15, 50_000
RANDOM = np.random.default_rng(0)
OFFSETS: dict[str, list[int]] = {
    "none": [],
    "one": [7],
    "one instant": [20_000] * 300,
    "both ends": [0, LENGTH_US - 1],
    "many": np.sort(RANDOM.integers(0, LENGTH_US, 2_000)).tolist(),
}
EVERY_WINDOW = pytest.mark.parametrize("name", OFFSETS)


def packet_of(name: str, start_us: int) -> EventPacket:
    t = start_us + np.array(OFFSETS[name], np.int64)
    number = np.arange(len(t)) * 31
    events = pack_events(t, number % 64, number // 64 % 48, number % 2)
    return EventPacket(events, SENSOR, start_us, start_us + LENGTH_US)


def offsets(packet: EventPacket) -> list[tuple[int, int, int, int]]:
    """Return the events, their times from the packet's start."""
    columns = (packet.t - packet.start_us, packet.x, packet.y, packet.p)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@EVERY_WINDOW
@pytest.mark.parametrize(
    "config", [BackgroundActivityConfig(), RefractoryConfig(), HotPixelsConfig(learn_us=10_000)]
)
def test_filters_keep_the_same_events(name: str, config: FilterConfig) -> None:
    late, early = (config.build().apply(packet_of(name, start_us)) for start_us in (LATE_US, 0))
    assert offsets(late) == offsets(early)
    assert (late.start_us, late.end_us) == (LATE_US, LATE_US + LENGTH_US)
    assert set(offsets(late)) <= set(offsets(packet_of(name, 0)))


@EVERY_WINDOW
@pytest.mark.parametrize(
    "config",
    [
        WindowConfig(length_us=20_000, stride_us=10_000),
        WindowConfig(length_us=None, stride_us=None, length_events=2, stride_events=1),
    ],
    ids=["time", "count"],
)
def test_windows_are_cut_at_the_same_places(name: str, config: WindowConfig) -> None:
    late, early = (list(slide([packet_of(name, start_us)], config)) for start_us in (LATE_US, 0))
    assert [offsets(window.packet) for window in late] == [offsets(w.packet) for w in early]
    for one, other in zip(late, early, strict=True):
        assert one.packet.start_us - LATE_US == other.packet.start_us
        assert one.packet.end_us - LATE_US == other.packet.end_us
        assert one.is_partial == other.is_partial


def surface(packet: EventPacket) -> Image:
    shown = Surface(packet.sensor)
    shown.add(packet)
    return surface_image(shown.newest_us, shown.polarity, shown.clock_us, decay_us=40_000)


@EVERY_WINDOW
@pytest.mark.parametrize("view", [surface, accumulated_image, voxel_image])
def test_every_view_is_the_same_picture(name: str, view: Callable[[EventPacket], Image]) -> None:
    late, early, none = (
        view(packet_of(*which)) for which in ((name, LATE_US), (name, 0), ("none", 0))
    )
    np.testing.assert_array_equal(late, early)
    assert np.array_equal(late, none) == (name == "none")


@pytest.fixture(scope="module")
def inference(tiny_engine: Path) -> Inference:
    return Inference(load_engine(tiny_engine, "cpu"), SENSOR)


def scene_of(inference: Inference, packet: EventPacket) -> Scene:
    window = Window(0, packet, False)
    return Scene(
        index=0,
        packet=packet,
        is_partial=False,
        prediction=inference.infer(window),
        latency=StageLatency(),
        age_ms=0.0,
    )


@EVERY_WINDOW
def test_predictions_are_the_same_and_finite(
    name: str, inference: Inference, tmp_path: Path
) -> None:
    late, early = (scene_of(inference, packet_of(name, start_us)) for start_us in (LATE_US, 0))
    said: list[dict[str, Any]] = [row(late), row(early)]
    for each in said:
        json.dumps(each, allow_nan=False)
    assert (said[0]["start_us"], said[0]["end_us"]) == (LATE_US, LATE_US + LENGTH_US)
    assert said[0]["num_events"] == len(OFFSETS[name])
    assert late.prediction is not None
    assert early.prediction is not None
    np.testing.assert_allclose(
        late.prediction.recognition.scores, early.prediction.recognition.scores, atol=1e-6
    )
    np.testing.assert_allclose(
        late.prediction.depth.depth_m, early.prediction.depth.depth_m, rtol=1e-5
    )
    ArrayWriter(tmp_path / "arrays").write(late)
    with np.load(tmp_path / "arrays" / "window_000000.npz") as arrays:
        assert arrays["span_us"].tolist() == [LATE_US, LATE_US + LENGTH_US]


@EVERY_WINDOW
def test_the_recorder_keeps_every_event_and_the_time_that_passed(name: str, tmp_path: Path) -> None:
    packet = packet_of(name, LATE_US)
    with FileRecorder(tmp_path / "a.aedat4", SENSOR, "CAM") as recorder:
        recorder.write(packet)
        recorder.write(packet_of("none", LATE_US + LENGTH_US))
    assert recorder.paths == [tmp_path / "a.aedat4"]
    assert (recorder.num_events, recorder.duration_us) == (len(packet), 2 * LENGTH_US)
    assert_holds(tmp_path / "a.aedat4", packet)


@EVERY_WINDOW
@pytest.mark.parametrize("suffix", WRITER_FORMATS)
def test_what_is_written_is_read_back(name: str, suffix: str, tmp_path: Path) -> None:
    packet, form, path = packet_of(name, LATE_US), WRITER_FORMATS[suffix], tmp_path / f"a{suffix}"
    for compression in form.compressions:
        with form.open(path, SENSOR, "CAM", compression, ("events",)) as writer:
            writer.write(packet)
        assert_holds(path, packet)


def assert_holds(path: Path, packet: EventPacket) -> None:
    with open_recording(path) as recording:
        assert recording.sensor == SENSOR
        assert recording.damage.is_clean
        found = recording.events_between(packet.start_us, packet.end_us)
        if len(packet):
            assert (recording.start_us, recording.end_us) == (packet.t[0], packet.t[-1] + 1)
            assert sum(map(len, recording.packets())) == len(packet)
        else:
            assert list(recording.packets()) == []
    assert offsets(found) == offsets(packet)


@EVERY_WINDOW
def test_a_film_has_its_frame_and_shows_its_time(
    name: str, inference: Inference, tmp_path: Path
) -> None:
    late, early = (
        picture(scene_of(inference, packet_of(name, start_us)), (0.5, 20.0), TokenView())
        for start_us in (LATE_US, 0)
    )
    assert late.shape == early.shape
    np.testing.assert_array_equal(
        late[: SENSOR.height, : SENSOR.width], early[: SENSOR.height, : SENSOR.width]
    )
    assert not np.array_equal(late[SENSOR.height :], early[SENSOR.height :])  # the time below it
    with VideoWriter(tmp_path / "a.mp4", LENGTH_US, pytest.fail) as writer:
        writer.write(late, LATE_US)
    with av.open(str(tmp_path / "a.mp4")) as container:
        [frame] = container.decode(video=0)
        stream = container.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(LENGTH_US / 1e6)
        assert frame.time == 0
