from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from tiny_engine import tiny_card

from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from models.card import DEPTH_M, LABELS
from models.decode import decode
from models.device_decode import DeviceDecode, map_sizes

SENSOR = SensorSize(120, 90)
CARD = dataclasses.replace(tiny_card(), input="events", sensor=(120, 90), is_decoded=True)


def raw_outputs(seed: int, *, steps: int | None = None) -> dict[str, torch.Tensor]:
    """Random logits and depth; with ``steps``, logits of few values, so that classes often tie."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(1, 3, 16, 24)).astype(np.float32)
    if steps:
        logits = np.round(logits * steps) / steps
    depth = random.uniform(0.1, 30, (1, 1, 16, 24)).astype(np.float32)
    return {"segmentation": torch.from_numpy(logits), "depth": torch.from_numpy(depth)}


@pytest.mark.parametrize("size", [(64, 96), (96, 64), (64, 480)])
@pytest.mark.parametrize("steps", [None, 1, 3])
def test_labels_are_the_hosts_to_the_last_pixel(size: tuple[int, int], steps: int | None) -> None:
    letterbox = Letterbox(SENSOR, *size)
    for seed in range(4):
        raw = raw_outputs(seed, steps=steps)
        maps = (size[0] // 4, size[1] // 4)
        raw = {k: torch.nn.functional.interpolate(v, maps) for k, v in raw.items()}
        decoded = DeviceDecode(CARD, letterbox, map_sizes(raw))(raw)
        assert set(decoded) == {LABELS, DEPTH_M}
        expected = decode(CARD, {k: v.numpy() for k, v in raw.items()}, letterbox)
        found = decode(CARD, {k: v.numpy() for k, v in decoded.items()}, letterbox)
        assert found.segmentation is not None
        assert expected.segmentation is not None
        assert np.array_equal(found.segmentation.class_ids, expected.segmentation.class_ids)
        assert found.depth is not None
        assert expected.depth is not None
        assert found.depth.depth_m.dtype == np.float32
        np.testing.assert_allclose(found.depth.depth_m, expected.depth.depth_m, rtol=6e-4)


def test_a_depth_that_is_no_number_is_the_largest() -> None:
    raw = {"depth": torch.full((1, 1, 16, 24), float("nan"))}
    decoded = DeviceDecode(CARD, Letterbox(SENSOR, 64, 96), map_sizes(raw))(raw)
    assert (decoded[DEPTH_M] == CARD.depth_range_m[1]).all()


def test_what_needs_no_decoding_passes() -> None:
    raw = {"recognition": torch.ones(1, 7)}
    decoded = DeviceDecode(CARD, Letterbox(SENSOR, 64, 96), map_sizes(raw))(raw)
    assert decoded["recognition"] is raw["recognition"]


def test_a_prediction_keeps_nothing_of_an_engines_buffer() -> None:
    labels = np.zeros((1, 90, 120), np.uint8)
    found = decode(CARD, {LABELS: labels}, Letterbox(SENSOR, 64, 96))
    labels[:] = 2
    assert found.segmentation is not None
    assert not found.segmentation.class_ids.any()
