"""dvs128_objects_biolab: things of the house before a DVS128, one thing a recording of 5 to 20 s.

Layout: ``recognition/dvs128_objects_biolab/aedat/<session>_<thing>.aedat``, things in Portuguese.
Windows: 0.1 s each. The last fifth of each recording is held out: the same scene a little later, so
its figures say less than those of another session's would. (``sessionA_frames...npz`` beside it
holds no events but counts.)
"""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from events.recordings.open import open_recording
from training.data.dataset import Split
from training.data.folder import require
from training.data.recorded import TRAIN_SHARE, Clip, RecordedSet

WINDOW_US = 100_000
LEAST_EVENTS = 200
"""A window of fewer shows a thing at rest."""
THINGS = {
    "Caixa": "box",
    "Caneca": "mug",
    "Celular": "cellular telephone",
    "Lapiseira": "mechanical pencil",
    "Tesoura": "scissors",
    "chave_fenda": "screwdriver",
}


class DvsObjects(RecordedSet):
    """Windows with one label out of 6."""

    name = "dvs_objects"
    layout = "recognition/dvs128_objects_biolab/aedat/<session>_<thing>.aedat"
    sensor = SensorSize(128, 128)

    def __init__(self, root: Path) -> None:
        home = require(root / "recognition" / "dvs128_objects_biolab" / "aedat")
        clips: dict[Split, list[Clip]] = {"train": [], "val": []}
        for path in sorted(home.glob("*.aedat")):
            label = next((THINGS[each] for each in THINGS if _names(path, each)), "")
            parts = [Clip(path.name, label, *span) for span in _busy_spans(path)] if label else []
            num_train = round(TRAIN_SHARE * len(parts))
            clips["train"] += parts[:num_train]
            clips["val"] += parts[num_train:]
        super().__init__(home, clips)


def _names(path: Path, thing: str) -> bool:
    return path.stem.lower().endswith(f"_{thing.lower()}")


def _busy_spans(path: Path) -> list[tuple[int, int]]:
    """Return the windows of a recording in which something moves."""
    with open_recording(path) as recording:
        packets = recording.packets(duration_us=WINDOW_US)
        return [(each.start_us, each.end_us) for each in packets if len(each) >= LEAST_EVENTS]


dataset = DvsObjects
