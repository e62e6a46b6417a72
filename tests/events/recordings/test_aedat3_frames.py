"""Frames of AEDAT 3.1 are read beside the events; what is damaged is skipped and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recording_files import all_events, assert_same, random_events
from word_files import AEDAT3, AEDAT3_DAVIS, aedat3_body, aedat3_frame, aedat3_packet

from events.packet import SensorSize
from events.recordings.open import open_recording
from events.recordings.recording import Recording

HIGH_US = 5 << 31
"""A time beyond the 31 bits of a frame's own."""


def picture(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 16, shape).astype(np.uint16)


def write(path: Path, *packets: bytes) -> Path:
    path.write_bytes(AEDAT3_DAVIS + b"".join(packets))
    return path


def kinds(recording: Recording) -> list[str]:
    return [stream.kind for stream in recording.streams]


def test_frames_come_beside_the_events_with_their_place_and_exposure(tmp_path: Path) -> None:
    events = random_events(200, start_us=HIGH_US)
    body = aedat3_body(events)
    grey = picture(0, 30, 40)
    path = write(
        tmp_path / "a.aedat",
        aedat3_frame(HIGH_US + 100, grey, exposure_us=50, left=3, top=7),
        body,
        aedat3_frame(HIGH_US + 40_000, picture(1, 180, 240)),
    )
    with open_recording(path) as recording:
        first, second = recording.frames()
        assert (first.t_us, first.exposure_us, first.left, first.top) == (HIGH_US + 100, 50, 3, 7)
        np.testing.assert_array_equal(first.pixels, grey >> 8)
        assert first.pixels.dtype == np.uint8
        assert not first.pixels.flags.writeable
        assert (second.t_us, second.pixels.shape) == (HIGH_US + 40_000, (180, 240))
        assert_same(all_events(list(recording.packets())), events)
        assert kinds(recording) == ["events", "frames", "other samples"]
        assert recording.sensor == SensorSize(240, 180)
        assert recording.damage.is_clean
        assert [f.t_us for f in recording.frames(HIGH_US + 101)] == [second.t_us]
        assert [f.t_us for f in recording.frames(None, second.t_us)] == [first.t_us]


@pytest.mark.parametrize(("channels", "order"), [(3, [2, 1, 0]), (4, [2, 1, 0, 3])])
def test_colours_come_as_bgr(tmp_path: Path, channels: int, order: list[int]) -> None:
    colours = picture(0, 6, 5, channels)
    path = write(tmp_path / "a.aedat", aedat3_frame(7, colours))
    with open_recording(path) as recording:
        (frame,) = recording.frames()
        np.testing.assert_array_equal(frame.pixels, (colours >> 8)[..., order])
        assert (recording.start_us, recording.end_us) == (7, 8)


def test_a_frame_that_the_recording_program_took_out_is_none(tmp_path: Path) -> None:
    packet = bytearray(aedat3_frame(7, picture(0, 6, 5)))
    packet[28] &= 0xFE
    path = write(tmp_path / "a.aedat", bytes(packet), aedat3_frame(9, picture(1, 6, 5)))
    with open_recording(path) as recording:
        assert [frame.t_us for frame in recording.frames()] == [9]
        assert recording.damage.is_clean


def test_damaged_and_cut_frames_are_skipped_and_counted(tmp_path: Path) -> None:
    events = random_events(50, start_us=0)
    wide = bytearray(aedat3_frame(1, picture(0, 6, 5)))
    wide[28 + 20] = 200  # its width
    cut = aedat3_frame(3, picture(1, 6, 5))[:-1]
    path = write(
        tmp_path / "a.aedat",
        bytes(wide),
        b"\xff" * 500,
        aedat3_body(events),
        aedat3_frame(2, picture(2, 6, 5)),
        cut,
    )
    with open_recording(path) as recording:
        assert [frame.t_us for frame in recording.frames()] == [2]
        assert_same(all_events(list(recording.packets())), events)
        assert recording.damage.damaged_packets == 2
        assert recording.damage.skipped_bytes == 500


def test_a_growing_file_is_followed(tmp_path: Path) -> None:
    first, second = (aedat3_frame(t, picture(t, 6, 5)) for t in (1, 2))
    path = write(tmp_path / "a.aedat", first, second[:50])
    with open_recording(path) as recording:
        assert len(list(recording.frames())) == 1
        path.write_bytes(AEDAT3_DAVIS + first + second)
        assert [frame.t_us for frame in recording.frames()] == [1, 2]


def test_many_frames_may_share_a_packet(tmp_path: Path) -> None:
    frames = [aedat3_frame(t, picture(t, 6, 5))[28:] for t in (10, 20, 30)]
    packet = aedat3_packet(2, b"".join(frames), 3, size=len(frames[0]))
    with open_recording(write(tmp_path / "a.aedat", packet)) as recording:
        assert [frame.t_us for frame in recording.frames()] == [10, 20, 30]


def test_a_dvs128_takes_no_pictures(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat"
    path.write_bytes(AEDAT3 + aedat3_body(random_events(10, start_us=0)))
    with open_recording(path) as recording:
        assert "frames" not in kinds(recording)
        assert list(recording.frames()) == []


@pytest.mark.timeout(20)
def test_a_head_that_claims_a_billion_frames_is_done_with_at_the_files_end(tmp_path: Path) -> None:
    body = aedat3_body(random_events(50, start_us=HIGH_US))
    path = write(tmp_path / "a.aedat", body, aedat3_packet(2, bytes(99), 1 << 30, size=5))
    with open_recording(path) as recording:
        assert list(recording.frames()) == []
