from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from dataset_layouts import LAYOUTS
from tiny_engine import tiny_card, tiny_module

from events.packet import SensorSize
from models.card import ModelCard
from models.results import Prediction
from training.data.batch import Vocabulary
from training.data.catalogue import joint_labels, load_dataset
from training.data.dataset import LabelledWindow
from training.evaluate import EvalConfig, Evaluation, decode_window, evaluate, predictions

SENSOR = SensorSize(96, 64)


def card_for_synthetic() -> ModelCard:
    recognition, segmentation = joint_labels([load_dataset("synthetic")])
    return replace(
        tiny_card(),
        recognition_labels=recognition,
        segmentation_labels=segmentation,
        depth_range_m=(0.25, 40.0),
    )


def oracle(window: LabelledWindow, card: ModelCard, vocabulary: Vocabulary) -> Prediction:
    """What raw outputs mean that say the truth, at the input's full resolution."""
    assert window.class_ids is not None
    assert window.depth_m is not None
    label = vocabulary.recognition[window.label or ""]
    ids = vocabulary.segmentation[window.class_ids]
    outputs = {
        "recognition": 9 * np.eye(len(card.recognition_labels), dtype=np.float32)[[label]],
        "segmentation": 9
        * np.eye(len(card.segmentation_labels), dtype=np.float32)[ids].transpose(2, 0, 1)[None],
        "depth": window.depth_m[None, None],
    }
    return decode_window(card, {task: torch.from_numpy(a) for task, a in outputs.items()}, window)


def test_the_truth_scores_in_full_and_a_constant_is_worse() -> None:
    card, dataset = card_for_synthetic(), load_dataset("synthetic")
    evaluation = Evaluation(card, dataset, mean_depth_m=5.0)
    for index in range(3):
        window = dataset.window("val", index, 1, SENSOR, card.window_us)
        evaluation.add(window, oracle(window, card, evaluation.vocabulary))
    figures = evaluation.result()
    assert figures["top1_percent"] == figures["top5_percent"] == 100
    assert figures["miou_percent"] == pytest.approx(100)
    assert figures["abs_rel"] == pytest.approx(0, abs=1e-4)
    assert figures["abs_rel_of_mean"] > 0.1
    assert figures["below_mean_percent"] == pytest.approx(100, abs=0.1)


def test_a_model_is_measured_on_as_many_windows_as_asked_and_always_the_same() -> None:
    card = card_for_synthetic()
    predict = partial(predictions, tiny_module(card), card)
    config = EvalConfig(sensor=SENSOR, num_windows=3, batch_size=2)
    seen: list[tuple[int, int]] = []
    dataset = load_dataset("synthetic")
    figures = evaluate(predict, card, dataset, config, lambda *now: seen.append(now))
    again = evaluate(predict, card, dataset, config, lambda *now: None)
    assert figures == again
    assert figures["num_windows"] == 3
    assert seen == [(2, 3), (3, 3)]
    assert 0 <= figures["miou_percent"] <= 100
    assert torch.is_grad_enabled()


def test_a_model_without_a_data_sets_labels_has_no_figure_for_them() -> None:
    card = replace(tiny_card(("depth",)), recognition_labels=(), segmentation_labels=())
    predict = partial(predictions, tiny_module(card), card)
    config = EvalConfig(sensor=SENSOR, num_windows=1)
    figures = evaluate(predict, card, load_dataset("synthetic"), config, lambda *now: None)
    assert {"num_windows", "abs_rel", "abs_rel_of_mean", "rmse_m", "delta1_percent"} <= set(figures)
    assert not {"top1_percent", "miou_percent"} & set(figures)


def test_classes_that_a_model_does_not_know_have_no_figure() -> None:
    card, dataset = card_for_synthetic(), load_dataset("synthetic")
    card = replace(card, segmentation_labels=card.segmentation_labels[:3])
    predict = partial(predictions, tiny_module(card), card)
    config = EvalConfig(sensor=SENSOR, num_windows=2)
    figures = evaluate(predict, card, dataset, config, lambda *now: None)
    assert tuple(figures["iou_percent"]) == dataset.segmentation_labels[:3]


def test_a_data_set_of_held_out_windows_alone_is_measured(tmp_path: Path) -> None:
    LAYOUTS["n_imagenet_variants"].write(tmp_path)
    dataset = load_dataset("n_imagenet_variants", tmp_path)
    assert dataset.num_windows("train") == 0
    card = replace(tiny_card(("recognition",)), recognition_labels=dataset.recognition_labels)
    predict = partial(predictions, tiny_module(card), card)
    figures = evaluate(predict, card, dataset, EvalConfig(), lambda *now: None)
    assert figures["num_windows"] == dataset.num_windows("val")
    assert 0 <= figures["top1_percent"] <= 100
