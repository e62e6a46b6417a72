"""Views of still pictures in an endless, seeded mixture, with what MobileNetV2 says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from models.heads.segmentation import UNKNOWN
from models.teachers.mobilenet import MAP_SIZE, MAP_WIDTH, NUM_CLASSES
from training.data.feed import DataConfig, Feed, refuse_device_grids
from training.data.knowledge import Knowledge
from training.data.last_used import LastUsed
from training.data.segments import Segments
from training.data.still import StillSet, load_still_set, still_set_names
from training.data.stills.tiny_imagenet import TINY_IMAGENET
from training.data.unseen import unseen_synsets
from training.data.views import ViewConfig, cut, cut_labels

if TYPE_CHECKING:
    from training.recipe import Recipe, Stage

KEPT_PICTURES = 1500
"""Decoded pictures of large files that each worker keeps."""


@dataclass(frozen=True, kw_only=True)
class Config(DataConfig):
    """Which sets of pictures, how often, and which views of them."""

    shares: dict[str, float] = field(
        default_factory=lambda: {"tiny_imagenet": 0.88, "imagenet1k": 0.04, "camvid": 0.08}
    )
    """How often each set is drawn, by its file name in training/data/stills."""
    root: Path | None = None
    """Folder of the data sets; None is $SACCADE_DATA, else ../shared/data."""
    view: ViewConfig = field(default_factory=ViewConfig)
    """How a picture is cropped and coloured."""
    num_views: int = 2
    """Independent views of each picture; labels and features are those of the first."""
    with_knowledge: bool = True
    """Whether pictures come with MobileNetV2's features and class scores."""
    segments_from: Literal["labels", "espnet"] = "labels"
    """Whether classes of pixels are those of the data, or what ESPNet says of the pictures."""
    leave_out_unseen: bool = False
    """Leave out all pictures of the classes that no image-text training sees."""

    def __post_init__(self) -> None:
        if not any(self.shares.values()) or not all(share >= 0 for share in self.shares.values()):
            raise ValueError(f"data.shares must be 0 or more, and not all 0, got {self.shares}")
        if self.num_views < 1:
            raise ValueError(f"data.num_views must be at least 1, got {self.num_views}")

    def build(self, recipe: Recipe) -> PictureFeed:
        return PictureFeed(self, recipe)

    def offering_all(self) -> Self:
        return replace(
            self, shares=self.shares | dict.fromkeys(still_set_names(), 0.0) | self.shares
        )

    def without_unused(self) -> Self:
        drawn = {name: share for name, share in self.shares.items() if share}
        return replace(self, shares=drawn)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureBatch:
    """Views of some pictures and what is known of them."""

    views: tuple[Tensor, ...]
    """Each (B, 3, H, W) uint8 RGB."""
    labels: Tensor
    """(B,) int64 indices into the feed's ``synsets``, -1 where unknown."""
    class_ids: Tensor
    """(B, H, W) uint8 indices into the feed's ``segmentation_labels``, 255 where unknown."""
    features: Tensor
    """(B, 320, 7, 7) float16 of MobileNetV2 over the first view; B is 0 without."""
    logits: Tensor
    """(B, 1000) float32 of MobileNetV2, of the whole picture; B is 0 without."""
    names: tuple[str, ...]
    """Set and number of each picture."""

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> PictureBatch:
        """Return the batch on ``device``."""
        return PictureBatch(
            views=tuple(view.to(device, non_blocking=True) for view in self.views),
            labels=self.labels.to(device, non_blocking=True),
            class_ids=self.class_ids.to(device, non_blocking=True),
            features=self.features.to(device, non_blocking=True),
            logits=self.logits.to(device, non_blocking=True),
            names=self.names,
        )


class PictureFeed(Feed):
    """Views of pictures, and the classes of all sets together."""

    def __init__(self, config: Config, recipe: Recipe) -> None:
        refuse_device_grids(recipe, "pictures have no events")
        self.config = config
        self.seed = recipe.seed
        self.names = tuple(config.shares)
        self.sets = [load_still_set(name, config.root) for name in self.names]
        joint: dict[str, str] = {}
        for each in self.sets:
            joint = {**each.synsets, **joint}
        self.synsets = dict(sorted(joint.items()))
        """Name of each class by its WordNet id, in the order of the ids."""
        segmented = (label for each in self.sets for label in each.segmentation_labels)
        self.segmentation_labels = tuple(dict.fromkeys(segmented))
        self.knowledge = [Knowledge(each) for each in self.sets] if config.with_knowledge else []
        by_espnet = config.segments_from == "espnet"
        self.segments = {
            i: Segments(each)
            for i, each in enumerate(self.sets)
            if by_espnet and each.segmentation_labels
        }
        without = _unseen(self.sets) if config.leave_out_unseen else ()
        self.indices = [_kept(each, without) for each in self.sets]

    def samples(self, stage: Stage) -> Dataset[Any]:
        return Views(self, stage)

    def collate(self, samples: Sequence[Sample]) -> PictureBatch:
        views = [sample.views for sample in samples]
        stack = [torch.from_numpy(np.stack(each)) for each in zip(*views, strict=True)]
        features, logits = (
            torch.empty(0, MAP_WIDTH, MAP_SIZE, MAP_SIZE),
            torch.empty(0, NUM_CLASSES),
        )
        if self.knowledge:
            features = torch.from_numpy(np.stack([sample.features for sample in samples]))
            logits = torch.from_numpy(np.stack([sample.logits for sample in samples]))
        return PictureBatch(
            views=tuple(stack),
            labels=torch.tensor([sample.label for sample in samples]),
            class_ids=torch.from_numpy(np.stack([sample.class_ids for sample in samples])),
            features=features,
            logits=logits,
            names=tuple(sample.name for sample in samples),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One picture of a PictureBatch."""

    views: list[npt.NDArray[np.uint8]]
    label: int
    class_ids: npt.NDArray[np.uint8]
    features: npt.NDArray[np.float16]
    logits: npt.NDArray[np.float32]
    name: str


class Views(Dataset[Sample]):
    """Sample i comes from a set drawn by share; i and the seed decide all about it."""

    def __init__(self, feed: PictureFeed, stage: Stage) -> None:
        self.feed = feed
        self.stage = stage
        shares = np.array(list(feed.config.shares.values()), np.float64)
        self.shares = shares / shares.sum()
        self.label_of = {synset: i for i, synset in enumerate(feed.synsets)}
        self._picture = LastUsed(self._decode, most=KEPT_PICTURES)

    def __getitem__(self, i: int) -> Sample:
        rng = np.random.default_rng((self.feed.seed, i))
        which = int(rng.choice(len(self.shares), p=self.shares))
        index = int(rng.choice(self.feed.indices[which]))
        pictures, view = self.feed.sets[which], self.feed.config.view
        height, width = self.stage.height, self.stage.width
        picture = self._picture(which, index)
        crops = [view.crop(rng) for _ in range(self.feed.config.num_views)]
        segments = self.feed.segments.get(which)
        class_ids = segments.class_ids(index) if segments else pictures.class_ids("train", index)
        features, logits = np.empty(0, np.float16), np.empty(0, np.float32)
        if self.feed.knowledge:
            features = self.feed.knowledge[which].map(index, crops[0])
            logits = self.feed.knowledge[which].logits(index)
        pixels = [view.coloured(cut(picture, crop, height, width), rng) for crop in crops]
        return Sample(
            views=[np.ascontiguousarray(each.transpose(2, 0, 1)) for each in pixels],
            label=self.label_of.get(pictures.synset("train", index) or "", -1),
            class_ids=np.full((height, width), UNKNOWN, np.uint8)
            if class_ids is None
            else cut_labels(class_ids, crops[0], height, width),
            features=features,
            logits=logits,
            name=f"{pictures.name}/{index}",
        )

    def _decode(self, which: int, index: int) -> Image.Image:
        picture = self.feed.sets[which].picture("train", index)
        picture.thumbnail((4 * self.stage.width, 4 * self.stage.height))
        return picture


def _unseen(sets: Sequence[StillSet]) -> tuple[str, ...]:
    for each in sets:
        if each.name == TINY_IMAGENET:
            return unseen_synsets(each.synsets)
    raise ValueError("data.leave_out_unseen needs tiny_imagenet in data.shares: its classes rule")


def _kept(pictures: StillSet, without: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Return the numbers of the training pictures that show none of the classes ``without``."""
    out = set(without)
    indices = range(pictures.num_pictures("train"))
    return np.array([i for i in indices if pictures.synset("train", i) not in out], np.int64)
