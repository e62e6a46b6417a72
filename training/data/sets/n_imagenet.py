"""N-ImageNet: ImageNet's pictures on a screen, recorded by a moving Samsung DVS Gen3.

Layout: ``N_Imagenet/extracted_{train,val}/<WordNet id>/<picture>.npz`` and, if they are there, the
lists ``{train,val}_list.txt``, of whose paths the last three parts count. Labels are WordNet ids,
or names where ImageNet's ``LOC_synset_mapping.txt`` lies there or in ``ImageNet`` beside it.
Pictures, where windows are to come with them: ``ImageNet/{train,val}/<WordNet id>/<picture>.JPEG``,
stretched over the sensor as GEP does, since where the screen stood is not published.
Windows: the whole recording (GEP, arXiv 2603.23032; EventPretrain takes 15,000 events).
Source: Kim et al., "N-ImageNet", ICCV 2021, arXiv 2112.01041; github.com/82magnolia/n_imagenet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from events.packet import SensorSize
from training.data.dataset import Split
from training.data.recorded import Clip, RecordedSet, home_of, in_class_folders
from training.data.stills.imagenet import NAMES, read_names


class NImageNet(RecordedSet):
    """Windows with one label out of up to 1,000, with pictures where ImageNet's are there."""

    name = "n_imagenet"
    layout = "N_Imagenet/extracted_{train,val}/<WordNet id>/*.npz"
    sensor = SensorSize(640, 480)

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("N_Imagenet", "N-ImageNet", "n_imagenet"), self.layout)
        self._pictures = home.parent / "ImageNet"
        names = read_names(home / NAMES) or read_names(self._pictures / NAMES)
        train, val = _clips(home, "train", names), _clips(home, "val", names)
        super().__init__(home, {"train": train, "val": val})

    def picture_path(self, clip: Clip) -> Path | None:
        folder, synset, file = clip.name.split("/")
        split = folder.removeprefix("extracted_")
        path = self._pictures / split / synset / Path(file).with_suffix(".JPEG")
        return path if path.is_file() else None


def _clips(home: Path, split: Split, names: dict[str, str]) -> Iterator[Clip]:
    listed = home / f"{split}_list.txt"
    if not listed.is_file():
        for clip in in_class_folders(home, f"extracted_{split}", ".npz"):
            yield clip._replace(label=names.get(clip.label, clip.label))
        return
    labels: dict[str, str] = {}
    with listed.open() as file:
        for line in file:
            parts = line.strip().split("/")[-3:]
            if len(parts) == 3:
                label = labels.setdefault(parts[1], names.get(parts[1], parts[1]))
                yield Clip("/".join(parts), label)


dataset = NImageNet
