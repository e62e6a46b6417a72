from __future__ import annotations

import math

import numpy as np
import pytest

from training.metrics import AbsoluteRelativeError, DepthErrors, IntersectionOverUnion, TopK


def test_top_k_counts_the_rank_of_the_truth() -> None:
    top = TopK(ks=(1, 2))
    top.add(np.array([0.1, 0.6, 0.3], np.float32), 1)
    top.add(np.array([0.1, 0.6, 0.3], np.float32), 2)
    top.add(np.array([0.1, 0.6, 0.3], np.float32), 0)
    assert top.result() == pytest.approx({"top1_percent": 100 / 3, "top2_percent": 200 / 3})


def test_a_label_that_is_as_likely_as_others_is_not_among_the_likeliest() -> None:
    top = TopK(ks=(1, 3))
    top.add(np.zeros(10, np.float32), 3)
    top.add(np.array([0, 1, 0, 0, 0], np.float32), 4)
    top.add(np.array([1, 1, 0], np.float32), 0)
    assert top.result() == pytest.approx({"top1_percent": 0, "top3_percent": 100 / 3})


def test_scores_that_are_no_numbers_name_nothing() -> None:
    top = TopK(ks=(1,))
    top.add(np.full(3, np.nan, np.float32), 1)
    top.add(np.array([np.nan, 0.5, 0.1], np.float32), 1)
    assert top.result() == {"top1_percent": 0}


def test_iou_of_a_worked_example() -> None:
    iou = IntersectionOverUnion(3)
    truth = np.array([[0, 0, 1, 255]], np.uint8)
    iou.add(np.array([[0, 1, 1, 2]], np.uint8), truth)
    assert iou.per_class() == pytest.approx([50, 50, math.nan], nan_ok=True)
    assert iou.mean() == 50


def test_a_class_that_is_said_but_never_true_lowers_no_mean_but_its_neighbours_do() -> None:
    iou = IntersectionOverUnion(3)
    iou.add(np.array([[0, 2]], np.uint8), np.array([[0, 0]], np.uint8))
    assert iou.per_class() == pytest.approx([50, math.nan, 0], nan_ok=True)
    assert iou.mean() == 50


def test_iou_of_nothing_is_nan() -> None:
    iou = IntersectionOverUnion(2)
    iou.add(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8))
    assert math.isnan(iou.mean())


def test_abs_rel_counts_known_pixels_and_compares_with_a_constant() -> None:
    error = AbsoluteRelativeError(constant_m=3.0)
    error.add(np.array([[1.1, 2.0, 9.0]], np.float32), np.array([[1.0, 2.0, 0.0]], np.float32))
    figures = error.result()
    assert figures["abs_rel"] == pytest.approx(0.05, abs=1e-6)
    assert figures["abs_rel_of_mean"] == pytest.approx((2 + 0.5) / 2)
    assert figures["below_mean_percent"] == pytest.approx(96, abs=1e-4)


def test_mean_accuracy_weighs_classes_alike_however_many_pixels_they_have() -> None:
    iou = IntersectionOverUnion(3)
    assert math.isnan(iou.mean_accuracy())
    iou.add(np.array([[0, 0, 0, 1, 2, 2]], np.uint8), np.array([[0, 0, 0, 0, 1, 255]], np.uint8))
    assert iou.mean_accuracy() == pytest.approx((75 + 0) / 2)


def test_depth_errors_of_a_worked_example() -> None:
    errors = DepthErrors()
    errors.add(np.array([[5.0, 24.0, 7.0]], np.float32), np.array([[4.0, 16.0, 0.0]], np.float32))
    errors.add(np.array([[40.0]], np.float32), np.array([[40.0]], np.float32))
    assert errors.num == 3
    figures = errors.result()
    logs = [math.log(1.25), math.log(1.5), 0]
    assert figures == pytest.approx(
        {
            "abs_m": 3,
            "rmse_m": math.sqrt((1 + 64) / 3),
            "rmse_log": math.sqrt(sum(each**2 for each in logs) / 3),
            "delta1_percent": 100 / 3,  # a factor of 1.25 is not less than 1.25
            "delta2_percent": 100,
            "delta3_percent": 100,
            "abs_to_10m_m": 1,
            "abs_to_20m_m": 4.5,
            "abs_to_30m_m": 4.5,
        }
    )


def test_depth_errors_over_many_windows_are_those_of_all_their_pixels() -> None:
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.5, 60, (4, 5, 6)).astype(np.float32)
    predicted = (truth * rng.uniform(0.4, 2.5, truth.shape)).astype(np.float32)
    whole, parts = DepthErrors(), DepthErrors()
    whole.add(predicted, truth)
    for each, true in zip(predicted, truth, strict=True):
        parts.add(each, true)
    assert parts.result() == pytest.approx(whole.result())
    ratio = np.maximum(predicted / truth, truth / predicted)
    for power in (1, 2, 3):
        expected = 100 * (ratio < 1.25**power).mean()
        assert whole.result()[f"delta{power}_percent"] == pytest.approx(expected)


def test_depth_of_nothing_far_away_has_no_figure_for_what_is_near() -> None:
    errors = DepthErrors()
    errors.add(np.array([[45.0, -1.0]], np.float32), np.array([[50.0, 0.0]], np.float32))
    assert not any(name.startswith("abs_to_") for name in errors.result())
    assert DepthErrors().result()["abs_m"] == 0
