from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from scripted_source import SENSOR, random_packets

from app.render import accumulated_image, overlay_segmentation
from app.scene import Scene, StageLatency
from app.token_view import TokenView
from app.video import TICK_US, VideoWriter, picture
from models.results import Prediction, Segmentation


def picture_of(level: int, height: int = 33, width: int = 47) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def test_a_video_has_every_frame_and_the_duration_of_the_events(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 20_000, pytest.fail) as writer:
        for number in range(10):
            writer.write(picture_of(20 * number), 10**15 + number * 20_000)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 10
    assert [round(frame.time / 0.02) for frame in frames] == list(range(10))
    assert (frames[0].width, frames[0].height) == (46, 32)  # even, as the format wants
    levels = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
    assert np.allclose(levels, [20 * number for number in range(10)], atol=6)


def test_a_gap_in_the_events_is_a_gap_in_the_video(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 20_000, pytest.fail) as writer:
        for start_us in (0, 20_000, 100_000):
            writer.write(picture_of(0), start_us)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert [round(frame.time, 3) for frame in container.decode(video=0)] == [0, 0.02, 0.1]


def test_frames_at_any_distance_keep_theirs(tmp_path: Path) -> None:
    times_us = [0, 0, 10, 500, 20_000, 20_010, 3_000_000]
    with VideoWriter(tmp_path / "a.mp4", 20_000, pytest.fail, TICK_US) as writer:
        for time_us in times_us:
            writer.write(picture_of(0), 10**15 + time_us)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        found_us = [round(frame.time * 1e6) for frame in container.decode(video=0)]
        assert float(stream.duration * stream.time_base) == pytest.approx(3.02)
    assert found_us == [0, 10, 20, 500, 20_000, 20_010, 3_000_000]  # each has a moment of its own


def test_a_film_goes_on_at_its_pace_after_time_ran_backwards(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 20_000, pytest.fail, TICK_US) as writer:
        for time_us in (5_000_000, 5_400_000, 0, 300_000):
            writer.write(picture_of(0), time_us)
    with av.open(str(tmp_path / "a.mp4")) as container:
        found_us = [round(frame.time * 1e6) for frame in container.decode(video=0)]
    assert found_us == [0, 400_000, 400_010, 700_010]


def test_time_that_runs_backwards_does_not_break_the_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 20_000, pytest.fail) as writer:
        for start_us in (100_000, 120_000, 0, 20_000):
            writer.write(picture_of(0), start_us)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert len(list(container.decode(video=0))) == 4


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_a_film_that_is_cut_short_is_kept_under_a_name_that_says_so(
    tmp_path: Path, kind: type[BaseException]
) -> None:
    said: list[str] = []

    def fail_midway(num_frames: int) -> None:
        with VideoWriter(tmp_path / "a.b.mp4", 20_000, said.append) as writer:
            for number in range(num_frames):
                writer.write(picture_of(0), number * 20_000)
            raise kind("midway")

    partial = tmp_path / "a.b.partial.mp4"
    for num_frames in (7, 3):  # the later one replaces the earlier one
        with pytest.raises(kind, match="midway"):
            fail_midway(num_frames)
        assert list(tmp_path.iterdir()) == [partial]
        with av.open(str(partial)) as container:
            assert len(list(container.decode(video=0))) == num_frames
    line = f"{tmp_path / 'a.b.mp4'} was cut short: what there is of it is {partial}"
    assert said == [line, line]


def test_without_a_frame_nothing_is_kept(tmp_path: Path) -> None:
    def fail_at_once() -> None:
        with VideoWriter(tmp_path / "a.mp4", 1, pytest.fail):
            raise RuntimeError("at once")

    with pytest.raises(RuntimeError, match="at once"):
        fail_at_once()
    assert list(tmp_path.iterdir()) == []


def test_no_frames_leave_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 1, pytest.fail):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_picture_shows_what_was_said_over_the_events_that_it_was_said_of() -> None:
    packet = random_packets(1)[0]
    ids = np.zeros((SENSOR.height, SENSOR.width), np.uint8)
    ids[8:20, 10:30] = 1
    segmentation = Segmentation(ids, ("background", "crate"))
    scene = Scene(
        index=0, packet=packet, is_partial=False, prediction=Prediction(segmentation=segmentation),
        latency=StageLatency(), age_ms=0.0,
    )  # fmt: skip
    expected = overlay_segmentation(accumulated_image(packet), segmentation)
    shown = picture(scene, (0.5, 20.0), TokenView())
    assert np.array_equal(shown[: SENSOR.height], expected)
    assert not np.array_equal(expected, accumulated_image(packet))
