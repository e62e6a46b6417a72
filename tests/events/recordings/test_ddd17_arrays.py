from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from column_files import ddd17

from events.packet import pack_events
from events.recordings.columns import NANOSECONDS
from events.recordings.formats.ddd17_arrays import open_arrays
from events.recordings.open import open_recording
from events.recordings.recording import RecordingError


def written(folder: Path, start_us: int = 10**15) -> Path:
    path = folder / "events.dat.t"
    t = start_us + 10 * np.arange(100)
    ddd17(path, pack_events(t, np.arange(100), np.arange(100), np.arange(100) % 2))
    return path


def test_times_without_their_places_are_told_what_is_missing(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.with_suffix(".xyp").unlink()
    with pytest.raises(RecordingError, match=r"events\.dat\.xyp is missing"):
        open_recording(path)


def test_events_that_one_of_the_files_lacks_are_counted_as_lost(tmp_path: Path) -> None:
    path = written(tmp_path)
    places = path.with_suffix(".xyp")
    places.write_bytes(places.read_bytes()[: 6 * 40 + 3])
    with open_recording(path) as recording:
        assert len(recording.events_between(recording.start_us, recording.end_us)) == 40
        assert recording.damage.lost_events == 60


def test_nanoseconds_since_the_start_need_to_be_said(tmp_path: Path) -> None:
    path = written(tmp_path, start_us=0)
    with open_recording(path) as guessed, open_arrays(path, clock=NANOSECONDS) as said:
        assert guessed.end_us == 990_001
        assert said.end_us == 991
