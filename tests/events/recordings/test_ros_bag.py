"""ROS 1 bags: every compression, images, topics to choose from, no index, real data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from column_files import (
    SENSOR,
    UNIX_US,
    event_array,
    event_arrays,
    event_packets,
    image_message,
    libcaer_packets,
    mono_packets,
    packed_events,
    write_bag,
)
from recording_files import assert_same, random_events

from events.packet import pack_events
from events.recordings.open import open_recording
from events.recordings.recording import RecordingError
from events.recordings.ros_bag_file import BagFile

EVENTS = random_events(700, start_us=UNIX_US)


@pytest.mark.parametrize("compression", ["none", "bz2", "lz4"])
def test_every_compression_is_read(compression: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bag"
    event_arrays(path, EVENTS, compression)
    with open_recording(path) as recording:
        assert_same(recording.events_between(0, 2**61).events, EVENTS)
        assert recording.sensor == SENSOR
        assert [stream.kind for stream in recording.streams] == ["events", "frames"]


@pytest.mark.parametrize(
    ("encoding", "channels", "shape", "first"),
    [
        (b"mono8", 1, (48, 64), 0),
        (b"bgr8", 3, (48, 64, 3), [0, 1, 2]),
        (b"rgb8", 3, (48, 64, 3), [2, 1, 0]),
    ],
)
def test_images_are_frames_in_the_order_bgr(
    encoding: bytes, channels: int, shape: tuple[int, ...], first: object, tmp_path: Path
) -> None:
    path = tmp_path / "a.bag"
    image = image_message(UNIX_US + 7, encoding, channels)
    write_bag(
        path,
        [
            ("dvs_msgs/EventArray", "/dvs/events", event_array(EVENTS)),
            ("sensor_msgs/Image", "/dvs/image_raw", image),
            ("sensor_msgs/Image", "/a/other", image_message(1)),
        ],
    )
    with open_recording(path) as recording:
        (frame,) = recording.frames()
        assert frame.t_us == UNIX_US + 7
        assert frame.pixels.shape == shape
        np.testing.assert_array_equal(frame.pixels[0, 0], first)
        assert not list(recording.frames(UNIX_US + 8))


def test_the_images_of_a_chunk_are_unpacked_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bag"
    times_us = [UNIX_US + step for step in range(5)]
    images = [("sensor_msgs/Image", "/dvs/image_raw", image_message(t)) for t in times_us]
    write_bag(path, [("dvs_msgs/EventArray", "/dvs/events", event_array(EVENTS)), *images], "bz2")
    with open_recording(path) as recording:
        assert len(list(recording.frames())) == 5
        unpacked: list[int] = []
        messages = BagFile.messages

        def counted(self: BagFile, number: int, ids: tuple[int, ...]) -> Iterator[Any]:
            unpacked.append(number)
            return messages(self, number, ids)

        monkeypatch.setattr(BagFile, "messages", counted)
        assert [frame.t_us for frame in recording.frames()] == times_us
        assert unpacked == [0, 1]


def test_an_image_with_a_damaged_head_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.bag"
    image = image_message(UNIX_US)
    damaged = image[:12] + b"\xff" * 4 + image[16:]  # the length of its frame's name
    events = ("dvs_msgs/EventArray", "/dvs/events", event_array(EVENTS))
    write_bag(path, [events, *(("sensor_msgs/Image", "/i", each) for each in (damaged, image))])
    with open_recording(path) as recording:
        assert [frame.t_us for frame in recording.frames()] == [UNIX_US]
        assert recording.damage.damaged_packets == 1


def test_an_image_of_another_depth_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.bag"
    write_bag(
        path,
        [
            ("dvs_msgs/EventArray", "/dvs/events", event_array(EVENTS)),
            ("sensor_msgs/Image", "/dvs/image_raw", image_message(UNIX_US, b"16UC1", 2)),
        ],
    )
    with open_recording(path) as recording:
        assert not list(recording.frames())
        assert recording.damage.damaged_packets == 1


@pytest.mark.parametrize("write", [event_arrays, event_packets])
def test_a_bag_whose_recorder_was_killed_is_read_up_to_there(write: object, tmp_path: Path) -> None:
    events = random_events(700, start_us=20_000)
    path = tmp_path / "a.bag"
    write(path, events)  # type: ignore[operator]
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with open_recording(path) as recording:
        found = recording.events_between(0, 2**61).events
        assert 300 <= len(found) < 700
        assert_same(found, events[: len(found)])
        assert recording.damage.skipped_bytes > 0


def test_a_bag_without_its_table_is_read_around_a_damaged_chunk(tmp_path: Path) -> None:
    path = tmp_path / "a.bag"
    messages = [
        ("dvs_msgs/EventArray", "/dvs/events", event_array(EVENTS[k : k + 1])) for k in range(12)
    ]
    write_bag(path, messages)
    data = bytearray(path.read_bytes())
    data[data.rfind(b"topic=") - 60 :] = b""  # the connections at the end
    third = [match.start() for match in re.finditer(b"compression=", data)][2]
    data[third + 40 : third + 80] = b"\xff" * 40
    path.write_bytes(data)
    with open_recording(path) as recording:
        found = recording.events_between(0, 2**61).events
        assert 6 <= len(found) < 12
        assert recording.damage.damaged_packets == 1


@pytest.mark.parametrize("write", [mono_packets, libcaer_packets])
def test_packets_of_other_encodings_are_read_from_any_time_on(
    write: object, tmp_path: Path
) -> None:
    path = tmp_path / "a.bag"
    write(path, EVENTS)  # type: ignore[operator]
    with open_recording(path) as recording:
        assert recording.sensor == SENSOR
        assert_same(recording.events_between(0, 2**61).events, EVENTS)
        middle_us = int(EVENTS["t"][350])
        late = recording.events_between(middle_us, 2**61).events
        assert_same(late, EVENTS[EVENTS["t"] >= middle_us])
        assert recording.damage.is_clean


def test_low_times_that_wrap_amid_a_packet_of_libcaer_go_on(tmp_path: Path) -> None:
    events = pack_events([2**31 - 2, 2**31 - 1, 2**31, 2**31 + 5], [1, 2, 3, 4], [5, 6, 7, 8], [1])
    events["t"] += 500_000
    path = tmp_path / "a.bag"
    libcaer_packets(path, events)
    with open_recording(path) as recording:
        assert_same(recording.events_between(0, 2**61).events, events)


def test_packets_of_another_encoding_amid_others_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.bag"
    word = (1 << 63 | 9 << 48 | 8 << 32 | 7_000).to_bytes(8, "little")
    packed_events(path, [(b"mono", 1_000, word), (b"evt3", 0, word), (b"mono", 0, word[:5])])
    with open_recording(path) as recording:
        found = recording.events_between(0, 2**61).events
        assert [tuple(event)[:4] for event in found.tolist()] == [(8, 8, 9, 1)]
        assert recording.damage.damaged_packets == 1  # a chunk of the bag with such


@pytest.mark.parametrize("encoding", ["libcaer_cmp", "trigger"])
def test_an_encoding_that_is_not_read_is_named_with_the_cure(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bag"
    packed_events(path, [(encoding.encode(), 0, bytes(8))])
    with pytest.raises(RecordingError, match=rf"encoded as {encoding}: .*\.npz") as caught:
        open_recording(path)
    assert "\n" not in str(caught.value)


def test_a_bag_without_events_says_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "a.bag"
    write_bag(path, [("sensor_msgs/Image", "/camera", image_message(0))])
    with pytest.raises(RecordingError, match=r"needs .*dvs_msgs.* has sensor_msgs/Image"):
        open_recording(path)


def test_the_real_bag_has_its_events(data_folder: Path) -> None:
    path = data_folder / "other_formats" / "event_camera_py_test_events_1.bag"
    with open_recording(path) as recording:
        assert str(recording.sensor) == "640x480"
        packets = list(recording.packets())
        assert sum(map(len, packets)) == 343_474
        assert recording.end_us - recording.start_us == pytest.approx(2_078_180, abs=1000)
        assert recording.damage.is_clean
        middle_us = (recording.start_us + recording.end_us) // 2
        late = recording.events_between(middle_us, recording.end_us)
        joined = np.concatenate([packet.events for packet in packets])
        assert_same(late.events, joined[joined["t"] >= middle_us])
