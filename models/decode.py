"""From an engine's raw outputs to a Prediction at the sensor's resolution; numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from events.representations.letterbox import Letterbox
from models.card import DEPTH_M, LABELS, ModelCard
from models.results import Depth, Prediction, Recognition, Segmentation, TokenMap


def decode(
    card: ModelCard, outputs: Mapping[str, npt.NDArray[Any]], letterbox: Letterbox
) -> Prediction:
    """Return what ``outputs`` mean; its arrays are new, so the engine may overwrite its own.

    Args:
        card: Of the engine that made them.
        outputs: By name, as ModelCard says; those of ``is_decoded`` need only a copy.
        letterbox: That placed the sensor in the network's input.
    """
    recognition = segmentation = depth = None
    if "recognition" in outputs:
        recognition = Recognition(softmax(outputs["recognition"][0]), card.recognition_labels)
    if LABELS in outputs:
        segmentation = Segmentation(outputs[LABELS][0].copy(), card.segmentation_labels)
    elif "segmentation" in outputs:
        class_ids = letterbox.to_sensor_classes(outputs["segmentation"][0])
        segmentation = Segmentation(class_ids, card.segmentation_labels)
    if DEPTH_M in outputs:
        depth = Depth(outputs[DEPTH_M][0].astype(np.float32))
    elif "depth" in outputs:
        least_m, most_m = card.depth_range_m
        depth_m = np.clip(np.nan_to_num(outputs["depth"][0, 0], nan=most_m), least_m, most_m)
        depth = Depth(letterbox.to_sensor_image(depth_m))
    tokens = None
    if "tokens" in outputs:
        features = np.nan_to_num(outputs["tokens"][0], nan=0, posinf=0, neginf=0)  # a copy
        tokens = TokenMap(features.astype(np.float32, copy=False), letterbox)
    return Prediction(
        recognition=recognition, segmentation=segmentation, depth=depth, tokens=tokens
    )


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return (K,) probabilities of (K,) logits, safe for large ones."""
    powers = np.exp(logits.astype(np.float64) - logits.max())
    scores: npt.NDArray[np.float32] = (powers / powers.sum()).astype(np.float32)
    return scores
