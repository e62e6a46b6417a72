"""The 40 classes of tiny_imagenet_202 that no image-text training sees: zero-shot and few-shot."""

from __future__ import annotations

from pathlib import Path

from training.data.sets.tiny_imagenet import TinyImageNet
from training.data.unseen import unseen_synsets


class TinyImageNetUnseen(TinyImageNet):
    """Windows with one label out of 40."""

    name = "tiny_imagenet_202_unseen"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.keep_classes(unseen_synsets(self.label_of))


dataset = TinyImageNetUnseen
