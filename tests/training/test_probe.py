from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_layouts import LAYOUTS
from tiny_engine import tiny_card, tiny_module

from events.packet import SensorSize
from events.representations.voxel_grid import VoxelGridSpec
from models.card import ModelCard
from models.encoders import vit
from models.perception import Perception, describe_encoder
from training.data.catalogue import load_dataset
from training.evaluate import EvalConfig
from training.evaluate_features import evaluate_features
from training.probe import STRENGTHS, knn, linear_probe, ridge, share_right

RNG = np.random.default_rng(0)


def clouds(num: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows around one of three directions of 8 dimensions, and which."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=num)
    centres = np.eye(3, 8) * 5
    rows = centres[labels] + spread * rng.normal(size=(num, 8))
    return rows.astype(np.float32), labels


@pytest.mark.parametrize("probe", [knn, linear_probe])
def test_probes_find_what_is_there_and_nothing_in_noise(probe) -> None:
    train, labels = clouds(300, 0.5, 1)
    rows, truth = clouds(100, 0.5, 2)
    assert share_right(probe(train, labels, rows, 3), truth) == 1
    noise = RNG.normal(size=train.shape).astype(np.float32)
    guesses = probe(noise, labels, RNG.normal(size=rows.shape).astype(np.float32), 3)
    assert 0.15 < (guesses.argmax(1) == truth).mean() < 0.55


def test_knn_weighs_neighbours_by_their_likeness() -> None:
    train = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    votes = knn(train, np.array([0, 1, 2]), np.array([[2, 0]], np.float32), 4, k=2, temperature=0.1)
    np.testing.assert_allclose(votes, [[1, np.exp(-0.2 / 0.1), 0, 0]], rtol=1e-5)


def test_the_ridge_is_the_closed_form_at_the_strength_that_errs_least() -> None:
    train = RNG.normal(size=(200, 6)).astype(np.float32)
    targets = (train @ RNG.normal(size=(6, 2)) + 3).astype(np.float32)
    rows = RNG.normal(size=(10, 6)).astype(np.float32)
    weakest = ridge(train, targets, rows, lambda said, truth: float(np.abs(said - truth).max()))
    scaled = (train - train.mean(0)) / train.std(0)
    mean = targets.mean(0)
    gram = scaled.T @ scaled
    strength = STRENGTHS[0] * np.trace(gram) / 6
    weights = np.linalg.solve(gram + strength * np.eye(6), scaled.T @ (targets - mean))
    expected = (rows - train.mean(0)) / train.std(0) @ weights + mean
    np.testing.assert_allclose(weakest, expected, rtol=1e-3, atol=1e-3)


def test_features_of_an_encoder_are_measured_on_every_label_that_a_data_set_has() -> None:
    encoder = vit.Config(width=32, depth=4, num_attention_heads=2, patch_size=8)
    card = ModelCard(
        name="bare",
        spec=VoxelGridSpec(num_bins=5, normalization="nonzero_rms"),
        window_us=50_000,
        stride_us=20_000,
        input_height=32,
        input_width=48,
        tasks=(),
        encoder=describe_encoder(encoder),
    )
    seen: list[tuple[int, int]] = []
    config = EvalConfig(sensor=SensorSize(48, 32), num_windows=10)
    figures = evaluate_features(
        Perception(card),
        card,
        load_dataset("synthetic"),
        config,
        lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (60, 60)
    assert figures["num_windows"] == 10
    for name in ("knn_top1_percent", "linear_top1_percent", "linear_patch_accuracy_percent"):
        assert 0 <= figures[name] <= 100
    assert 0 < figures["linear_patch_abs_rel"] < 10


def test_a_set_with_nothing_to_learn_a_probe_from_is_refused_in_one_line(tmp_path: Path) -> None:
    LAYOUTS["n_imagenet_variants"].write(tmp_path)
    dataset = load_dataset("n_imagenet_variants", tmp_path)
    card = tiny_card(())
    with pytest.raises(ValueError, match="n_imagenet_variants has 0 windows to train probes with"):
        evaluate_features(tiny_module(card), card, dataset, EvalConfig(), lambda *now: None)
