"""Measures what an encoder's features hold, without training it: k-NN and linear probes.

Of recognition labels from the pooled tokens, of classes and depth from each patch's own token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.card import ModelCard
from models.heads.segmentation import UNKNOWN
from models.perception import Perception
from training.data.batch import LABEL_STRIDE, SampleShape, Vocabulary, to_sample
from training.data.dataset import DataSet, Split
from training.evaluate import EvalConfig
from training.metrics import AbsoluteRelativeError, IntersectionOverUnion, TopK
from training.probe import FloatArray, knn, linear_probe, ridge

Report = Callable[[int, int], None]
MAX_TRAIN_WINDOWS = 6_000
MAX_PATCHES = 60_000
"""Training patches of a dense probe; more change little and cost memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """An encoder's view of one split."""

    pooled_ND: FloatArray
    """Of each window: the class token, where there is one, and the mean of the patches."""
    patches_PD: FloatArray
    """Of all windows together."""
    labels_N: npt.NDArray[np.int64]
    """-1 where unknown."""
    classes_P: npt.NDArray[np.uint8]
    """Under each patch's middle, UNKNOWN where it is."""
    depth_m_P: FloatArray
    """Under each patch's middle, 0 where unknown."""


def evaluate_features(
    module: Perception, card: ModelCard, dataset: DataSet, config: EvalConfig, report: Report
) -> dict[str, Any]:
    """Return the figures of probes that learn from the training split and predict the other.

    Raises:
        ValueError: the data set has no windows in one of them.
    """
    num_val = min(config.num_windows or dataset.num_windows("val"), dataset.num_windows("val"))
    num_train = min(dataset.num_windows("train"), MAX_TRAIN_WINDOWS)
    if config.num_windows is not None:
        num_train = min(num_train, 5 * config.num_windows)
    if not num_train or not num_val:
        raise ValueError(
            f"data set {dataset.name} has {num_train} windows to train probes with and {num_val} "
            "to measure them on: they need both"
        )
    extract = _Extractor(module, card, dataset, config, report, num_train + num_val)
    train, val = extract.features("train", num_train), extract.features("val", num_val)
    figures: dict[str, Any] = {"num_windows": num_val, "num_train_windows": num_train}
    if (train.labels_N >= 0).any() and (val.labels_N >= 0).any():
        figures |= _recognition(train, val, len(dataset.recognition_labels))
    if (train.classes_P != UNKNOWN).any():
        figures |= _segmentation(train, val, len(dataset.segmentation_labels))
    if (train.depth_m_P > 0).any():
        figures |= _depth(train, val)
    return figures


def _recognition(train: Features, val: Features, num_labels: int) -> dict[str, float]:
    known, asked = train.labels_N >= 0, val.labels_N >= 0
    parts = (train.pooled_ND[known], train.labels_N[known], val.pooled_ND[asked], num_labels)
    figures: dict[str, float] = {}
    for name, scores in (("knn", knn(*parts)), ("linear", linear_probe(*parts))):
        top = TopK()
        for row, label in zip(scores, val.labels_N[asked], strict=True):
            top.add(row, int(label))
        figures |= {f"{name}_{key}": value for key, value in top.result().items()}
    return figures


def _segmentation(train: Features, val: Features, num_labels: int) -> dict[str, float]:
    known, asked = train.classes_P != UNKNOWN, val.classes_P != UNKNOWN
    classes = train.classes_P[known].astype(np.int64)
    said = linear_probe(train.patches_PD[known], classes, val.patches_PD[asked], num_labels)
    iou = IntersectionOverUnion(num_labels)
    iou.add(said.argmax(1).astype(np.uint8), val.classes_P[asked])
    right = said.argmax(1) == val.classes_P[asked]
    return {
        "linear_patch_miou_percent": iou.mean(),
        "linear_patch_accuracy_percent": 100 * float(right.mean()),
    }


def _depth(train: Features, val: Features) -> dict[str, float]:
    known, asked = train.depth_m_P > 0, val.depth_m_P > 0
    logs = np.log(train.depth_m_P[known])[:, None]

    def error(said: FloatArray, truth: FloatArray) -> float:
        return float(np.abs(said - truth).mean())

    said = ridge(train.patches_PD[known], logs, val.patches_PD[asked], error)
    said = said.clip(logs.min(), logs.max())  # a line goes on where no depth was ever seen
    abs_rel = AbsoluteRelativeError(float(train.depth_m_P[known].mean()))
    abs_rel.add(np.exp(said[:, 0]), val.depth_m_P[asked])
    return {f"linear_patch_{name}": value for name, value in abs_rel.result().items()}


class _Extractor:
    """Runs the encoder over evenly spread windows of a split."""

    def __init__(
        self,
        module: Perception,
        card: ModelCard,
        dataset: DataSet,
        config: EvalConfig,
        report: Report,
        total: int,
    ) -> None:
        self.module = module.eval()
        self.card = card
        self.dataset = dataset
        self.config = config
        self.report = report
        self.done, self.total = 0, total
        self.shape = SampleShape(
            spec=card.spec,
            height=card.input_height,
            width=card.input_width,
            depth_range_m=card.depth_range_m,
        )
        self.vocabulary = Vocabulary(
            dataset.recognition_labels, dataset.segmentation_labels, dataset.segmentation_labels
        )

    def features(self, split: Split, num: int) -> Features:
        rng = np.random.default_rng(self.config.seed)
        parts = list(self._parts(split, num))
        pooled, patches, labels, classes, depths = (
            np.concatenate(each) for each in zip(*parts, strict=True)
        )
        keep = np.arange(len(patches))
        if split == "train" and len(keep) > MAX_PATCHES:
            keep = np.sort(rng.choice(len(keep), MAX_PATCHES, replace=False))
        return Features(pooled, patches[keep], labels, classes[keep], depths[keep])

    @torch.inference_mode()
    def _parts(self, split: Split, num: int) -> Iterator[tuple[npt.NDArray[Any], ...]]:
        total, config = self.dataset.num_windows(split), self.config
        indices = np.linspace(0, total - 1, num).round().astype(int)
        device = next(self.module.parameters()).device
        for first in range(0, num, config.batch_size):
            samples = [
                to_sample(
                    self.dataset.window(
                        split, int(index), config.seed, config.sensor, self.card.window_us
                    ),
                    self.shape,
                    self.vocabulary,
                )
                for index in indices[first : first + config.batch_size]
            ]
            grids = torch.from_numpy(np.stack([sample.grid for sample in samples])).to(device)
            tokens = self.module.tokens(grids)
            pooled = torch.cat([tokens.prefix_BPD[:, :1].flatten(1), tokens.pooled], dim=1)
            rows, columns = self._middles(tokens.height, tokens.width)
            classes = np.stack([sample.class_ids[rows, columns] for sample in samples])
            depths = np.stack([sample.depth_m[rows, columns] for sample in samples])
            yield (
                pooled.float().cpu().numpy(),
                tokens.patches_BND.float().flatten(0, 1).cpu().numpy(),
                np.array([sample.label for sample in samples], np.int64),
                classes.reshape(-1),
                depths.reshape(-1),
            )
            self.done += len(samples)
            self.report(self.done, self.total)

    def _middles(
        self, height: int, width: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the row and column of the label cell under the middle of each patch."""
        y = (np.arange(height) + 0.5) * self.card.input_height / height / LABEL_STRIDE
        x = (np.arange(width) + 0.5) * self.card.input_width / width / LABEL_STRIDE
        return y.astype(np.int64)[:, None], x.astype(np.int64)[None, :]
