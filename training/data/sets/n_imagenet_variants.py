"""N-ImageNet's variants: the validation pictures again, in other motions and other light.

Layout: ``N_Imagenet_cam/extracted_val_{mode_1,mode_3,...,brightness_7}/<WordNet id>/*.npz``, those
of the nine folders that are there; they may also lie in ``N_Imagenet``. All of it is held out, so
that a figure is the mean over the nine, to which each gives as many recordings.
Labels, windows and source: see ``n_imagenet``.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from events.packet import SensorSize
from training.data.folder import MissingDataError
from training.data.recorded import RecordedSet, home_of, in_class_folders
from training.data.stills.imagenet import NAMES, read_names

VARIANTS = (
    "mode_1", "mode_3", "mode_5", "mode_6", "mode_7",
    "brightness_4", "brightness_5", "brightness_6", "brightness_7",
)  # fmt: skip


class NImageNetVariants(RecordedSet):
    """Windows with one label out of up to 1,000, none to train with."""

    name = "n_imagenet_variants"
    layout = "N_Imagenet_cam/extracted_val_{mode_1..7,brightness_4..7}/<WordNet id>/*.npz"
    sensor = SensorSize(640, 480)

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("N_Imagenet_cam", "N_Imagenet", "N-ImageNet"), self.layout)
        names = read_names(home / NAMES) or read_names(home.parent / "N_Imagenet" / NAMES)
        folders = [f"extracted_val_{variant}" for variant in VARIANTS]
        there = [folder for folder in folders if (home / folder).is_dir()]
        if not there:
            raise MissingDataError(f"{home} holds no variant: it must hold {self.layout}")
        clips = chain(*(in_class_folders(home, folder, ".npz") for folder in there))
        named = (clip._replace(label=names.get(clip.label, clip.label)) for clip in clips)
        super().__init__(home, {"train": [], "val": named})


dataset = NImageNetVariants
