"""DDD17 with 6 classes: day-long driving before a DAVIS346, labelled by Ev-SegNet.

Layout, as published beside Ev-SegNet and read by ESS: ``DDD17/dirN/`` with ``events.dat.t``
(int64), ``events.dat.xyp`` (int16 triples, polarity 0 or 1), ``index/index_50ms.npy`` (of each
picture its time, and how many events come before it and before its 50 ms),
``segmentation_masks/*_NNNNNNNN.png`` (346x200, values 0 to 5) of picture NNNNNNNN, the first being
1, and optionally ``imgs/img_NNNNNNNN.png`` (``ffmpeg -i video.mp4 imgs/img_%08d.png``).
Times are said to be nanoseconds; microseconds are told from them by how long the 50 ms last.
Windows: 250 ms before a label (GEP, arXiv 2603.23032); events and pictures keep the upper 200 rows.
Split: trained on dirs 0, 3, 4, 5, 6 and 7, tested on dir 1.
Source: Binas et al., "DDD17: End-To-End DAVIS Driving Dataset", 2017; Alonso and Murillo,
"EV-SegNet", CVPRW 2019; https://github.com/Shathe/Ev-SegNet, https://github.com/uzh-rpg/ess.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from events.packet import SensorSize
from events.recordings.columns import MICROSECONDS, NANOSECONDS, Clock
from events.recordings.formats.ddd17_arrays import open_arrays
from events.recordings.recording import Recording
from models.heads.segmentation import UNKNOWN
from training.data.dataset import Split
from training.data.event_sources import RecordingEvents
from training.data.folder import DataError
from training.data.open_files import OpenFiles
from training.data.recorded import home_of
from training.data.timed import Scene, TimedSet, from_start
from training.data.tracks import DAMAGE, FileTrack, Times, present, read_rgb, read_whole_numbers
from training.data.view_geometry import top_rows

LABELS = ("flat", "background", "object", "vegetation", "human", "vehicle")
"""Road and pavement; buildings and sky; poles, lights and signs; and so on."""
SENSOR = SensorSize(346, 260)
LABELLED_ROWS = 200
WINDOW_US = 250_000
INDEX = "index/index_50ms.npy"
INDEX_US = 50_000
FOLDERS: dict[Split, tuple[int, ...]] = {"train": (0, 3, 4, 5, 6, 7), "val": (1,)}


class Ddd17(TimedSet):
    """Windows with a class for each pixel."""

    name = "ddd17"
    layout = "DDD17/dir{0,1,3,4,5,6,7}/{events.dat.t,events.dat.xyp,index,segmentation_masks}"
    segmentation_labels = LABELS

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("DDD17", "ddd17", "DDD17_events"), self.layout)
        self.files = OpenFiles(open_events)
        super().__init__(
            home,
            {
                split: [
                    _scene(home / f"dir{number}", self.files)
                    for number in numbers
                    if (home / f"dir{number}").is_dir()
                ]
                for split, numbers in FOLDERS.items()
            },
        )


def open_events(path: Path) -> Recording:
    """Open the events of a folder, given the file of their times.

    Raises:
        DataError: the index is missing or damaged.
        RecordingError: the events are.
    """
    return open_arrays(path, SENSOR, _clock(path.parent))


def _scene(folder: Path, files: OpenFiles[Recording]) -> Scene:
    times_us = _clock(folder).microseconds(_index(folder)[:, 0])
    labels = _numbered(folder / "segmentation_masks", times_us, _labels)
    frames = None
    if (folder / "imgs").is_dir():
        frames = _numbered(folder / "imgs", times_us, _upper_rows)
    keep = functools.partial(top_rows, height=LABELLED_ROWS)
    moments_us = from_start(labels.times_us, WINDOW_US, int(times_us[0]))
    return Scene(
        name=folder.name,
        events=RecordingEvents(files, folder / "events.dat.t", keep),
        moments_us=moments_us,
        spans_us=np.stack([moments_us - WINDOW_US, moments_us], 1),
        frames=frames,
        class_ids=labels,
        needs=(folder / "events.dat.xyp", folder / INDEX),
    )


def _numbered(folder: Path, times_us: Times, decode: Any) -> FileTrack:
    """Return the pictures of a folder whose names end in their number, the first being 1."""
    numbers: dict[int, Path] = {}
    for path in present(folder).glob("*.png"):
        digits = path.stem.rpartition("_")[2]
        if not digits.isdecimal() or not 0 < int(digits) <= len(times_us):
            raise DataError(f"{path} must end in the number of one of {len(times_us)} pictures")
        numbers[int(digits) - 1] = path
    order = sorted(numbers)
    return FileTrack(times_us[order], [numbers[number] for number in order], decode)


@functools.lru_cache(maxsize=16)
def _index(folder: Path) -> npt.NDArray[np.int64]:
    """Return (K, 3) of each picture: its time, and the events before it and before its window."""
    path = present(folder / INDEX)
    try:
        rows: npt.NDArray[np.int64] = np.load(path, allow_pickle=False)
    except DAMAGE as error:
        raise DataError(f"{path} is damaged: {str(error).splitlines()[0]}") from None
    if rows.ndim != 2 or rows.shape[1] != 3 or not len(rows):
        raise DataError(f"{path} must hold rows of a time and two numbers, has {rows.shape}")
    return rows.astype(np.int64)


def _clock(folder: Path) -> Clock:
    """Return the clock by which pictures are milliseconds and not minutes apart."""
    step = np.median(np.diff(_index(folder)[:, 0])) if len(_index(folder)) > 1 else INDEX_US
    return NANOSECONDS if step > 100 * INDEX_US else MICROSECONDS


def _labels(path: Path) -> npt.NDArray[np.uint8]:
    values = read_whole_numbers(path)
    class_ids = values if values.ndim == 2 else values[:, :, 0]
    if class_ids.shape != (LABELLED_ROWS, SENSOR.width):
        raise DataError(f"{path} must be {SENSOR.width}x{LABELLED_ROWS}, is {class_ids.shape}")
    return np.where(class_ids < len(LABELS), class_ids, UNKNOWN).astype(np.uint8)


def _upper_rows(path: Path) -> npt.NDArray[np.uint8]:
    return read_rgb(path)[:LABELLED_ROWS]


dataset = Ddd17
