"""A recording's sensor size: what the file says, else what the user says, else a guess that says
so."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from events.packet import SensorSize
from events.recordings.open import open_recording, sensor_note
from events.recordings.recording import RecordingError
from events.sources.open import open_source
from events.sources.replay import ReplaySource
from events.sources.source import SourceError

GIVEN = SensorSize(200, 150)
TEXT = "".join(f"{i / 1000:.3f} {i % 90} {i % 70} {i % 2}\n" for i in range(500))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Events of which no one says from which sensor they are."""
    path = tmp_path / "events.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture
def sized_text(tmp_path: Path) -> Path:
    """The same events below a line with the sensor's size."""
    path = tmp_path / "sized.txt"
    path.write_text(f"128 96\n{TEXT}")
    return path


def npy(text: Path) -> Path:
    path = text.with_suffix(".npy")
    np.save(path, np.loadtxt(text))
    return path


def npz(text: Path) -> Path:
    path = text.with_suffix(".npz")
    np.savez(path, event_data=np.loadtxt(text))
    return path


@pytest.mark.parametrize("convert", [lambda text: text, npy])
def test_a_size_that_nobody_says_is_guessed_and_the_note_names_the_cure(text, convert) -> None:
    path = convert(text)
    with open_recording(path) as recording:
        assert recording.sensor == SensorSize(128, 128)
        assert recording.is_sensor_guessed
        note = sensor_note(recording)
    assert note.startswith(f"{path} does not say its sensor's size: 128x128 is guessed")
    assert "--sensor WxH" in note
    assert "\n" not in note


@pytest.mark.parametrize("convert", [lambda text: text, npy, npz])
def test_a_given_size_is_that_of_a_file_which_says_none(text, convert) -> None:
    with open_recording(convert(text), GIVEN) as recording:
        assert recording.sensor == GIVEN
        assert not recording.is_sensor_guessed
        assert sensor_note(recording, GIVEN) == ""
        assert all(packet.sensor == GIVEN for packet in recording.packets())


def test_events_outside_of_a_given_size_are_dropped_and_counted(text: Path) -> None:
    with open_recording(text, SensorSize(90, 35)) as recording:
        num_events = sum(map(len, recording.packets()))
        assert num_events == sum(i % 70 < 35 for i in range(500))
        assert recording.damage.out_of_bounds_events == 500 - num_events


def test_the_file_s_own_size_counts_and_the_note_says_that_another_does_not(sized_text) -> None:
    with open_recording(sized_text, GIVEN) as recording:
        assert recording.sensor == SensorSize(128, 96)
        assert sensor_note(recording, GIVEN) == (
            f"{sized_text} says that its sensor has 128x96 pixels: --sensor 200x150 is not used"
        )
        assert sensor_note(recording, SensorSize(128, 96)) == ""
        assert sensor_note(recording) == ""


def test_n_imagenet_s_files_are_of_a_sensor_that_is_known(text: Path) -> None:
    with open_recording(npz(text)) as recording:
        assert recording.sensor == SensorSize(640, 480)
        assert not recording.is_sensor_guessed


def test_a_file_without_events_and_size_names_the_cure_which_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "empty.raw"
    path.write_bytes(b"% evt 3.0\n% end\n")
    with pytest.raises(RecordingError, match="--sensor WxH"):
        open_recording(path)
    with open_recording(path, GIVEN) as recording:
        assert recording.sensor == GIVEN
        assert list(recording.packets()) == []


def test_a_source_hands_the_size_on_and_says_a_guess_beside_damage(text: Path) -> None:
    with open_source(str(text), GIVEN) as source:
        assert source.sensor == GIVEN
        assert source.status.message == ""
    text.write_text(f"{TEXT}0.001 1 1 1\n")
    source = ReplaySource(text, speed=math.inf)
    with source:
        list(source.packets())
        guess, damage = source.status.message.split("; damaged recording: ")
    assert "is guessed from its events" in guess
    assert damage == "1 events out of order dropped"


@pytest.mark.parametrize(
    "name", ["camera", "camera:1", "tcp://localhost:7777", "unix:a", "synthetic"]
)
def test_only_recordings_take_a_size(name: str) -> None:
    with pytest.raises(SourceError, match="--sensor is for recordings"):
        open_source(name, GIVEN)
