"""N-ImageNet: ImageNet's pictures on a screen, 1.78 million recordings of a moving Samsung DVS.

Layout: ``N_Imagenet/extracted_{train,val}/<WordNet id>/<picture>.npz`` and, if they are there, the
lists ``{train,val}_list.txt``, of whose paths the last three parts count. Labels are WordNet ids,
or names where ImageNet's ``LOC_synset_mapping.txt`` lies there or in ``ImageNet`` beside it.
Pictures, where windows are to come with them: ``ImageNet/{train,val}/<WordNet id>/<picture>.JPEG``,
stretched over the sensor as GEP does, since where the screen stood is not published.
Windows: the whole recording (GEP, arXiv 2603.23032; EventPretrain takes 15,000 events).
Source: Kim et al., "N-ImageNet", ICCV 2021, arXiv 2112.01041; github.com/82magnolia/n_imagenet.
"""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from training.data.dataset import Split
from training.data.recorded import Clip, RecordedSet, home_of, in_class_folders

NAMES = "LOC_synset_mapping.txt"


class NImageNet(RecordedSet):
    """Windows with one label out of up to 1,000, with pictures where ImageNet's are there."""

    name = "n_imagenet"
    layout = "N_Imagenet/extracted_{train,val}/<WordNet id>/*.npz"
    sensor = SensorSize(640, 480)

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("N_Imagenet", "N-ImageNet", "n_imagenet"), self.layout)
        self._pictures = home.parent / "ImageNet"
        names = _read_names([home / NAMES, self._pictures / NAMES])
        train, val = _clips(home, "train", names), _clips(home, "val", names)
        super().__init__(home, {"train": train, "val": val})

    def picture_path(self, clip: Clip) -> Path | None:
        split = clip.path.parts[-3].removeprefix("extracted_")
        path = self._pictures / split / clip.path.parent.name / f"{clip.path.stem}.JPEG"
        return path if path.is_file() else None


def _clips(home: Path, split: Split, names: dict[str, str]) -> list[Clip]:
    listed = home / f"{split}_list.txt"
    if not listed.is_file():
        found = in_class_folders(home / f"extracted_{split}", ".npz")
        return [clip._replace(label=names.get(clip.label, clip.label)) for clip in found]
    clips = []
    with listed.open() as file:
        for line in file:
            parts = line.strip().split("/")[-3:]
            if len(parts) == 3:
                clips.append(Clip(home.joinpath(*parts), names.get(parts[1], parts[1])))
    return clips


def _read_names(paths: list[Path]) -> dict[str, str]:
    """Return the first name of each WordNet id, all of them where first names clash."""
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return {}
    lines = [line.partition(" ") for line in path.read_text().splitlines()]
    full = {synset: text.strip() for synset, _, text in lines if text}
    first = {synset: text.split(",")[0] for synset, text in full.items()}
    taken = list(first.values())
    return {key: name if taken.count(name) == 1 else full[key] for key, name in first.items()}


dataset = NImageNet
