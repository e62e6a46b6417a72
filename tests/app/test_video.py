from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from app.video import TICK_US, VideoWriter


def picture_of(level: int, height: int = 33, width: int = 47) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def test_a_video_has_every_frame_and_the_duration_of_the_events(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 20_000) as writer:
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
    with VideoWriter(tmp_path / "a.mp4", 20_000) as writer:
        for start_us in (0, 20_000, 100_000):
            writer.write(picture_of(0), start_us)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert [round(frame.time, 3) for frame in container.decode(video=0)] == [0, 0.02, 0.1]


def test_frames_at_any_distance_keep_theirs(tmp_path: Path) -> None:
    times_us = [0, 0, 10, 500, 20_000, 20_010, 3_000_000]
    with VideoWriter(tmp_path / "a.mp4", 20_000, TICK_US) as writer:
        for time_us in times_us:
            writer.write(picture_of(0), 10**15 + time_us)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        found_us = [round(frame.time * 1e6) for frame in container.decode(video=0)]
        assert float(stream.duration * stream.time_base) == pytest.approx(3.02)
    assert found_us == [0, 10, 20, 500, 20_000, 20_010, 3_000_000]  # each has a moment of its own


def test_a_film_goes_on_at_its_pace_after_time_ran_backwards(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 20_000, TICK_US) as writer:
        for time_us in (5_000_000, 5_400_000, 0, 300_000):
            writer.write(picture_of(0), time_us)
    with av.open(str(tmp_path / "a.mp4")) as container:
        found_us = [round(frame.time * 1e6) for frame in container.decode(video=0)]
    assert found_us == [0, 400_000, 400_010, 700_010]


def test_time_that_runs_backwards_does_not_break_the_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 20_000) as writer:
        for start_us in (100_000, 120_000, 0, 20_000):
            writer.write(picture_of(0), start_us)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert len(list(container.decode(video=0))) == 4


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    def fail_midway() -> None:
        with VideoWriter(tmp_path / "a.mp4", 1) as writer:
            writer.write(picture_of(0), 0)
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail_midway()
    assert list(tmp_path.iterdir()) == []


def test_no_frames_leave_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 1):
        pass
    assert list(tmp_path.iterdir()) == []
