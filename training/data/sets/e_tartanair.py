"""E-TartanAir: TartanAir's flights through simulated worlds, made into events by v2e, 640x480.

Layout, as ECDDP's generate_data leaves it beside TartanAir's own files:
``E-TartanAir/ENV/{Easy,Hard}/PNNN/`` with ``event_left/IIIIII_JJJJJJ_event.hdf5`` (x, y, p and t,
float32 microseconds) between pictures I and J, ``image_left/IIIIII_left.png`` and optionally
``depth_left/IIIIII_left_depth.npy`` in metres. The undivided ``event_left.h5`` is not read, nor
TartanAir's ``seg_left``, whose numbers have no fixed meaning. The sky (1 km and on) is unknown.
Windows: one for each file. On the set's clock pictures are 1 s apart.
Split: ECDDP's, hospital, gascola and neighborhood are held out.
Source: Yang et al., "Event Camera Data Dense Pre-training", ECCV 2024, arXiv 2311.11533;
https://github.com/Yan98/Event-Camera-Data-Dense-Pre-training; Wang et al., "TartanAir", IROS 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from events.packet import SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.columns import MICROSECONDS
from events.recordings.hdf5_file import opening
from events.recordings.hdf5_groups import TXYP, group_chunks
from events.recordings.recording import Recording
from training.data.event_sources import WindowFiles
from training.data.folder import DataError
from training.data.recorded import home_of
from training.data.timed import Scene, TimedSet
from training.data.tracks import FileTrack, Picture, read_rgb
from training.data.view_geometry import known_depth

SENSOR = SensorSize(640, 480)
STEP_US = 1_000_000
SKY_M = 1000.0
HELD_OUT = ("hospital", "gascola", "neighborhood")


class ETartanAir(TimedSet):
    """Windows with metres for each pixel."""

    name = "e_tartanair"
    layout = "E-TartanAir/ENV/{Easy,Hard}/PNNN/{event_left,image_left,depth_left}"

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("E-TartanAir", "e_tartanair", "TartanAir"), self.layout)
        found = sorted(each.parent for each in home.rglob("event_left") if each.is_dir())
        held_out = [each for each in found if _environment(home, each).startswith(HELD_OUT)]
        train = [each for each in found if each not in held_out]
        super().__init__(
            home,
            {
                "train": [_scene(home, each) for each in train],
                "val": [_scene(home, each) for each in held_out],
            },
        )


def _environment(home: Path, folder: Path) -> str:
    return folder.relative_to(home).parts[0].lower()


def _scene(home: Path, folder: Path) -> Scene:
    paths = sorted((folder / "event_left").glob("*_event.hdf5"))
    starts_us = np.array([_number(path) for path in paths], np.int64) * STEP_US
    pictures = sorted((folder / "image_left").glob("*_left.png"))
    depths = sorted((folder / "depth_left").glob("*_left_depth.npy"))
    return Scene(
        name=str(folder.relative_to(home)),
        events=WindowFiles(paths, starts_us + STEP_US, open_events),
        moments_us=starts_us + STEP_US,
        spans_us=np.stack([starts_us, starts_us + STEP_US], 1),
        frames=_track(pictures, read_rgb) if pictures else None,
        depth_m=_track(depths, _read_depth) if depths else None,
    )


def _track(paths: list[Path], decode: Callable[[Path], Picture]) -> FileTrack:
    times_us = np.array([_number(path) for path in paths], np.int64) * STEP_US
    return FileTrack(times_us, paths, decode)


def _number(path: Path) -> int:
    """Return the number that a file's name starts with."""
    digits = path.name.partition("_")[0]
    if not digits.isdecimal():
        raise DataError(f"{path} must start with the number of a picture")
    return int(digits)


def open_events(path: Path, end_us: int) -> Recording:
    """Open the events between two pictures.

    Raises:
        RecordingError: the file is damaged.
    """
    with opening(path) as file:
        chunks = group_chunks(file, "", TXYP, MICROSECONDS)
        return ChunkedRecording(path, chunks, "E-TartanAir", SENSOR)


def _read_depth(path: Path) -> npt.NDArray[np.float32]:
    return known_depth(np.load(path, allow_pickle=False), SKY_M)


dataset = ETartanAir
