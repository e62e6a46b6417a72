"""Measures a model on held-out windows, through the same decoding that the screen shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from models.card import ModelCard
from models.decode import decode
from models.perception import Perception
from models.results import Prediction
from training.data.batch import Vocabulary
from training.data.dataset import DataSet, LabelledWindow
from training.metrics import AbsoluteRelativeError, DepthErrors, IntersectionOverUnion, TopK

Predict = Callable[[list[LabelledWindow]], list[Prediction]]
"""Says what each window shows, knowing of no other."""

NUM_FOR_MEAN_DEPTH = 64
"""Training windows whose mean depth is the constant that a model must beat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalConfig:
    """How a model is measured."""

    sensor: SensorSize = SensorSize(256, 192)  # noqa: RUF009 - frozen
    """Size of the camera that the held-out windows are made with."""
    num_windows: int | None = None
    """Of the held-out split, evenly spread; None is all."""
    seed: int = 1
    batch_size: int = 16


class Evaluation:
    """Every figure that a data set's labels allow.

    Depth that is truly beyond an end of the card's range counts as at that end.
    """

    def __init__(self, card: ModelCard, dataset: DataSet, mean_depth_m: float) -> None:
        self.card = card
        self.vocabulary = Vocabulary(
            card.recognition_labels, card.segmentation_labels, dataset.segmentation_labels
        )
        self.labels = dataset.segmentation_labels
        self.num = 0
        self.top = TopK()
        self.iou = IntersectionOverUnion(len(card.segmentation_labels))
        self.abs_rel = AbsoluteRelativeError(mean_depth_m)
        self.depth_errors = DepthErrors()

    def add(self, window: LabelledWindow, prediction: Prediction) -> None:
        """Count one window and what was said of it."""
        self.num += 1
        label = self.vocabulary.recognition.get(window.label or "", -1)
        if prediction.recognition is not None and label >= 0:
            self.top.add(prediction.recognition.scores, label)
        if prediction.segmentation is not None and window.class_ids is not None:
            truth = self.vocabulary.segmentation[window.class_ids]
            self.iou.add(prediction.segmentation.class_ids, truth)
        if prediction.depth is not None and window.depth_m is not None:
            near, far = self.card.depth_range_m
            truth_m = np.where(window.depth_m > 0, window.depth_m.clip(near, far), 0)
            self.abs_rel.add(prediction.depth.depth_m, truth_m.astype(np.float32))
            self.depth_errors.add(prediction.depth.depth_m, truth_m.astype(np.float32))

    def result(self) -> dict[str, Any]:
        """Return the figures whose truth occurred."""
        figures: dict[str, Any] = {"num_windows": self.num}
        if self.top.num:
            figures |= self.top.result()
        if self.iou.confusion.any():
            per_class = dict(
                zip(self.card.segmentation_labels, self.iou.per_class().tolist(), strict=True)
            )
            figures["miou_percent"] = self.iou.mean()
            figures["macc_percent"] = self.iou.mean_accuracy()
            figures["iou_percent"] = {
                name: per_class[name] for name in self.labels if name in per_class
            }
        if self.abs_rel.num:
            figures |= self.abs_rel.result() | self.depth_errors.result()
        return figures


def evaluate(
    predict: Predict,
    card: ModelCard,
    dataset: DataSet,
    config: EvalConfig,
    report: Callable[[int, int], None],
) -> dict[str, Any]:
    """Return the figures of a model or engine on a data set's held-out split.

    Args:
        predict: Of a model, ``partial(predictions, module, card)``.
        card: What it says, and of windows how long.
        dataset: Has a held-out split.
        config: Which windows.
        report: Told how many of how many windows are done.
    """
    indices = held_out_indices(dataset, config)
    evaluation = Evaluation(card, dataset, mean_depth_m(dataset, config, card.window_us))
    for first in range(0, len(indices), config.batch_size):
        windows = [
            dataset.window("val", index, config.seed, config.sensor, card.window_us)
            for index in indices[first : first + config.batch_size]
        ]
        for window, prediction in zip(windows, predict(windows), strict=True):
            evaluation.add(window, prediction)
        report(min(first + config.batch_size, len(indices)), len(indices))
    return evaluation.result()


def held_out_indices(dataset: DataSet, config: EvalConfig) -> list[int]:
    """Return which windows of the held-out split are judged."""
    total = dataset.num_windows("val")
    num = min(config.num_windows or total, total)
    return [int(index) for index in np.linspace(0, total - 1, num).round()]


@torch.inference_mode()
def predictions(
    module: Perception, card: ModelCard, windows: list[LabelledWindow]
) -> list[Prediction]:
    """Return what a network says of each window alone."""
    outputs = module(network_input(module, card, windows))
    return [
        decode_window(card, {task: value[i : i + 1] for task, value in outputs.items()}, window)
        for i, window in enumerate(windows)
    ]


def decode_window(
    card: ModelCard, outputs: Mapping[str, Tensor], window: LabelledWindow
) -> Prediction:
    """Return what raw outputs with a batch of one mean, at the pixels of the window's sensor."""
    letterbox = Letterbox(window.packet.sensor, card.input_height, card.input_width)
    arrays = {task: value.float().cpu().numpy() for task, value in outputs.items()}
    return decode(card, arrays, letterbox)


def network_input(module: Perception, card: ModelCard, windows: list[LabelledWindow]) -> Tensor:
    """Return (N, C, H, W) representations of N windows, on the module's device."""
    grids = []
    for window in windows:
        letterbox = Letterbox(window.packet.sensor, card.input_height, card.input_width)
        grids.append(card.spec.network_input(window.packet, letterbox))
    device = next(module.parameters()).device
    return torch.from_numpy(np.stack(grids)).to(device, memory_format=torch.channels_last)


def mean_depth_m(dataset: DataSet, config: EvalConfig, window_us: int) -> float:
    """Return the mean known depth of training windows; 1 where the data set has none."""
    if not dataset.num_windows("train"):
        return 1.0
    total, num = 0.0, 0
    indices = np.linspace(0, dataset.num_windows("train") - 1, NUM_FOR_MEAN_DEPTH).astype(int)
    for index in indices:
        window = dataset.window("train", int(index), int(index), config.sensor, window_us)
        if window.depth_m is None:
            return 1.0
        known = window.depth_m[window.depth_m > 0]
        total, num = total + float(known.sum()), num + len(known)
    return total / max(num, 1)
