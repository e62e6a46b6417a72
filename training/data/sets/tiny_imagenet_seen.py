"""tiny_imagenet_202 without the 40 classes of ``tiny_imagenet_unseen``: for image-text training."""

from __future__ import annotations

from pathlib import Path

from training.data.sets.tiny_imagenet import TinyImageNet
from training.data.unseen import unseen_synsets


class TinyImageNetSeen(TinyImageNet):
    """Windows with one label out of 162."""

    name = "tiny_imagenet_202_seen"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.keep_classes(set(self.label_of) - set(unseen_synsets(self.label_of)))


dataset = TinyImageNetSeen
