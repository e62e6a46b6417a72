from __future__ import annotations

import numpy as np
import pytest
from tiny_engine import tiny_card

from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from models.decode import decode, softmax

CARD = tiny_card()
LETTERBOX = Letterbox(SensorSize(192, 128), CARD.input_height, CARD.input_width)


def outputs_of(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "recognition": random.normal(size=(1, 7)).astype(np.float32),
        "segmentation": random.normal(size=(1, 3, 16, 24)).astype(np.float32),
        "depth": random.uniform(1, 9, (1, 1, 16, 24)).astype(np.float32),
    }


def test_probabilities_sum_to_one_also_for_huge_logits() -> None:
    scores = softmax(np.array([1e4, 1e4, -1e4], np.float32))
    assert scores.tolist() == [0.5, 0.5, 0.0]


def test_every_result_has_the_sensors_resolution_and_its_own_memory() -> None:
    outputs = outputs_of()
    prediction = decode(CARD, outputs, LETTERBOX)
    assert prediction.segmentation is not None
    assert prediction.depth is not None
    assert prediction.segmentation.class_ids.shape == (128, 192)
    assert prediction.segmentation.class_ids.dtype == np.uint8
    assert prediction.depth.depth_m.shape == (128, 192)
    for output in outputs.values():
        assert not np.shares_memory(output, prediction.segmentation.class_ids)
        assert not np.shares_memory(output, prediction.depth.depth_m)


def test_a_pixels_class_is_the_likeliest_of_the_logits_between_the_cells() -> None:
    outputs = outputs_of()
    prediction = decode(CARD, outputs, LETTERBOX)
    assert prediction.segmentation is not None
    class_ids = prediction.segmentation.class_ids
    logits = [LETTERBOX.to_sensor_image(plane) for plane in outputs["segmentation"][0]]
    assert np.array_equal(class_ids, np.argmax(logits, axis=0))
    cells = outputs["segmentation"][0].argmax(0)  # 192x128 over 24x16: 8 pixels a cell
    assert np.array_equal(class_ids[[0, -1]][:, [0, -1]], cells[[0, -1]][:, [0, -1]])


def test_depth_is_always_finite_and_within_the_cards_range() -> None:
    outputs = outputs_of()
    outputs["depth"][0, 0, :4] = np.array([np.nan, np.inf, -3.0, 1e9])[:, None]
    prediction = decode(CARD, outputs, LETTERBOX)
    assert prediction.depth is not None
    assert prediction.depth.depth_m.min() >= CARD.depth_range_m[0]
    assert prediction.depth.depth_m.max() <= CARD.depth_range_m[1]


@pytest.mark.parametrize("task", ["recognition", "segmentation", "depth"])
def test_an_engine_with_one_task_gives_one_result(task: str) -> None:
    prediction = decode(CARD, {task: outputs_of()[task]}, LETTERBOX)
    given = [name for name in ("recognition", "segmentation", "depth") if getattr(prediction, name)]
    assert given == [task]


def test_tokens_are_a_copy_without_what_is_not_finite() -> None:
    features = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)
    features[0, 0, 0] = np.nan, np.inf
    card = tiny_card(())
    tokens = decode(card, {"tokens": features}, LETTERBOX).tokens
    assert tokens is not None
    assert tokens.features[0].tolist() == [[0, 0], [2, 3]]
    features[:] = 7
    assert tokens.features[2, 1, 1] == 11
