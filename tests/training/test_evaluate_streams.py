from __future__ import annotations

from dataclasses import replace

import pytest
from stream_engine import stream_card, stream_module

from events.packet import SensorSize
from training.data.catalogue import joint_labels, load_dataset
from training.evaluate import EvalConfig
from training.evaluate_streams import evaluate_streams

CONFIG = EvalConfig(sensor=SensorSize(96, 64), num_windows=3)


def unheard(done: int, total: int) -> None:
    """Take no notice."""


def test_the_same_windows_are_judged_with_what_came_before_and_without() -> None:
    dataset = load_dataset("synthetic")
    recognition, segmentation = joint_labels([dataset])
    card = replace(
        stream_card("conv_recurrent"),
        recognition_labels=recognition,
        segmentation_labels=segmentation,
        depth_range_m=(0.25, 40.0),
    )
    module = stream_module(card)
    figures = evaluate_streams(module, card, dataset, CONFIG, 3, unheard)
    remembering, forgetting = figures["remembering"], figures["forgetting"]
    assert remembering["num_windows"] == forgetting["num_windows"] == 3
    assert remembering["abs_rel_of_mean"] == forgetting["abs_rel_of_mean"]  # of the same truth
    assert remembering["abs_rel"] != forgetting["abs_rel"]
    alone = evaluate_streams(module, card, dataset, CONFIG, 1, unheard)
    assert alone["remembering"]["abs_rel"] == pytest.approx(
        alone["forgetting"]["abs_rel"], rel=1e-4
    )


def test_what_remembers_nothing_or_has_no_stream_is_refused() -> None:
    card = stream_card("conv_recurrent")
    module = stream_module(card)
    with pytest.raises(ValueError, match=r"remembers no earlier windows.*without --stream"):
        evaluate_streams(
            module, replace(card, is_streaming=False), load_dataset("synthetic"), CONFIG, 3, unheard
        )
