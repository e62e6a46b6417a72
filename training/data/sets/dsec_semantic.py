"""DSEC-Semantic: 11 classes for 640x440 of DSEC's left event camera.

Layout: that of DSEC with ``semantic/left/11classes/data/*.png`` and ``semantic/timestamps.txt`` in
a sequence's folder (as ESS reads it; also without ``left`` or ``data``), or as downloaded
``train_semantic_segmentation/train/NAME/11classes/*.png`` beside ``NAME_semantic_timestamps.txt``.
Pictures are optional. Values 0 to 10 are the classes below, all else is unknown.
Windows: of the asked length, ending at a label; events and pictures keep the labelled 440 rows.
Split: the set's own, tested on zurich_city_13_a, 14_c and 15_a. The first six labels of a sequence
are left out, before which there are too few events, and of the test every second label is taken:
as ESS does, whose figures others compare with.
Source: Sun et al., "ESS: Learning Event-based Semantic Segmentation from Still Images", ECCV 2022,
arXiv 2203.10016; https://github.com/uzh-rpg/ess.
"""

from __future__ import annotations

from pathlib import Path

from events.recordings.recording import Recording
from training.data.dataset import Split
from training.data.dsec import (
    LABELLED_ROWS,
    Drive,
    drives,
    home_of_dsec,
    labels_of,
    one_for_each,
    open_events,
)
from training.data.open_files import OpenFiles
from training.data.recorded import SPLITS
from training.data.timed import Scene, TimedSet
from training.data.tracks import FileTrack, text_times

LABELS = (
    "background", "building", "fence", "person", "pole", "road", "sidewalk", "vegetation", "car",
    "wall", "traffic sign",
)  # fmt: skip
NUM_LEFT_OUT = 6
STRIDE: dict[Split, int] = {"train": 1, "val": 2}
FOLDERS = (
    "semantic/left/11classes/data",
    "semantic/left/11classes",
    "semantic/11classes/data",
    "semantic/11classes",
    "11classes",
)


class DsecSemantic(TimedSet):
    """Windows with a class for each pixel."""

    name = "dsec_semantic"
    layout = "DSEC/{train,test}/NAME/{events/left,semantic/{left/11classes/data,timestamps.txt}}"
    segmentation_labels = LABELS

    def __init__(self, root: Path) -> None:
        home = home_of_dsec(root)
        self.files = open_events()
        kind = "semantic_segmentation"
        found = {split: drives(home, split, kind) for split in SPLITS}
        super().__init__(
            home,
            {
                split: [
                    _scene(drive, self.files, STRIDE[split])
                    for drive in found[split]
                    if drive.part(kind, *FOLDERS).is_dir()
                ]
                for split in SPLITS
            },
        )


def _scene(drive: Drive, files: OpenFiles[Recording], stride: int) -> Scene:
    folder = drive.part("semantic_segmentation", *FOLDERS)
    times = drive.part(
        "semantic_segmentation",
        "semantic/timestamps.txt",
        f"semantic/{drive.name}_semantic_timestamps.txt",
        f"semantic/left/{drive.name}_semantic_timestamps.txt",
        f"{drive.name}_semantic_timestamps.txt",
    )
    labels = FileTrack(text_times(times), one_for_each(folder, times), labels_of)
    frames = drive.frames(LABELLED_ROWS)
    return Scene(
        name=drive.name,
        events=drive.events(files, LABELLED_ROWS),
        moments_us=labels.times_us[NUM_LEFT_OUT::stride],
        frames=frames,
        class_ids=labels,
        needs=(drive.map, drive.calibration) if frames else (drive.map,),
    )


dataset = DsecSemantic
