"""What a memory is worth: held-out windows judged behind those before them, and again alone."""

# S windows of a stretch, C channels

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from models.card import ModelCard
from models.perception import Perception
from models.results import Prediction
from training.data.dataset import DataSet, LabelledWindow, Sequential
from training.data.streams import cut_windows, window_ends
from training.evaluate import (
    EvalConfig,
    Evaluation,
    decode_window,
    held_out_indices,
    mean_depth_m,
    network_input,
    predictions,
)


def evaluate_streams(
    module: Perception,
    card: ModelCard,
    dataset: DataSet,
    config: EvalConfig,
    num_windows: int,
    report: Callable[[int, int], None],
) -> dict[str, dict[str, Any]]:
    """Return figures of a data set's held-out split, ``remembering`` and ``forgetting``.

    The same windows are judged twice: as the last of ``num_windows`` that follow each other at the
    card's stride, and as if each were its stream's first.

    Raises:
        ValueError: the model remembers nothing, or the data set has no consecutive windows.
    """
    if not card.is_streaming:
        raise ValueError(f"{card.name} remembers no earlier windows: measure it without --stream")
    if not isinstance(dataset, Sequential):
        raise ValueError(f"{dataset.name} has no consecutive windows: measure it without --stream")
    mean_m = mean_depth_m(dataset, config, card.window_us)
    remembering, forgetting = (Evaluation(card, dataset, mean_m) for _ in range(2))
    indices = held_out_indices(dataset, config)
    for done, index in enumerate(indices, 1):
        windows = _stretch(dataset, index, config, card, num_windows)
        remembering.add(windows[-1], _last_of_stream(module, card, windows))
        forgetting.add(windows[-1], predictions(module, card, windows[-1:])[0])
        report(done, len(indices))
    return {"remembering": remembering.result(), "forgetting": forgetting.result()}


def _stretch(
    dataset: Sequential, index: int, config: EvalConfig, card: ModelCard, num_windows: int
) -> list[LabelledWindow]:
    """Return windows that follow each other at the card's stride, the first one whole."""
    ends = window_ends(card.window_us, card.stride_us, np.ones(num_windows, np.int64))
    strides = dataset.sequence("val", index, config.seed, config.sensor, card.stride_us, ends[-1])
    return cut_windows(strides, ends, card.window_us)


@torch.inference_mode()
def _last_of_stream(
    module: Perception, card: ModelCard, windows: list[LabelledWindow]
) -> Prediction:
    """Return what is said of the last window of a stream."""
    events_SCHW = network_input(module, card, windows)
    elapsed = torch.ones(1, len(windows), device=events_SCHW.device)
    outputs = module.forward_sequence(events_SCHW[None], elapsed)
    last = {task: value[:, -1] for task, value in outputs.items()}
    return decode_window(card, last, windows[-1])
