from __future__ import annotations

import math

import numpy as np
import pytest

from training.metrics import AbsoluteRelativeError, IntersectionOverUnion, TopK


def test_top_k_counts_the_rank_of_the_truth() -> None:
    top = TopK(ks=(1, 2))
    top.add(np.array([0.1, 0.6, 0.3], np.float32), 1)
    top.add(np.array([0.1, 0.6, 0.3], np.float32), 2)
    top.add(np.array([0.1, 0.6, 0.3], np.float32), 0)
    assert top.result() == pytest.approx({"top1_percent": 100 / 3, "top2_percent": 200 / 3})


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
