"""Replay plays every recording that can be opened, from its start and from any time on."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from events.recordings.open import open_recording
from events.sources.open import open_source
from events.sources.replay import ReplaySource

FILES = (
    "other_formats/faery_sparklers_evt2.raw",
    "other_formats/expelliarmus_evt3_sample.raw",
    "other_formats/jaer_MovingDarkBox.aedat",
    "recognition/samples/tonic_sample_ncars.dat",
)


@pytest.mark.parametrize("name", FILES)
def test_a_recording_of_words_is_replayed_and_sought(data_folder: Path, name: str) -> None:
    path = data_folder / name
    with open_recording(path) as recording:
        start_us, end_us = recording.start_us, recording.end_us
        num_events = sum(map(len, recording.packets()))
        middle_us = (start_us + end_us) // 2
        num_late = len(recording.events_between(middle_us, end_us))
    source = open_source(str(path))
    assert isinstance(source, ReplaySource)
    source.set_speed(math.inf)
    with source:
        assert sum(map(len, source.packets())) == num_events
        source.seek(middle_us)
        assert sum(map(len, source.packets())) == num_late
