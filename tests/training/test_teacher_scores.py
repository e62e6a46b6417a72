from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from tiny_teacher_folders import write_folder

from models.teachers.open import open_teacher
from training.teacher_scores import features_of, labels_of, teacher_scores, zero_shot


class Shades:
    """Ten classes of pictures, each of one colour and its noise."""

    name = "shades"
    synsets = {f"n{i}": f"cat {i}" for i in range(10)}  # noqa: RUF012
    segmentation_labels: tuple[str, ...] = ()

    def num_pictures(self, split: str) -> int:
        return {"train": 40, "val": 20}[split]

    def picture(self, split: str, index: int) -> Image.Image:
        rng = np.random.default_rng((index, len(split)))
        colour = np.random.default_rng(index % 10).integers(40, 215, 3)
        pixels = colour + rng.integers(-10, 10, (40, 32, 3))
        return Image.fromarray(pixels.astype(np.uint8))

    def synset(self, split: str, index: int) -> str | None:
        return f"n{index % 10}"

    def class_ids(self, split: str, index: int) -> npt.NDArray[np.uint8] | None:
        return None


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_colours_are_told_apart_by_any_network(tmp_path: Path) -> None:
    teacher = open_teacher(str(write_folder(tmp_path, "dinov2")))
    scores = teacher_scores(teacher, Shades())
    assert set(scores) == {"knn", "linear"}
    assert scores["knn"] > 0.8
    assert scores["linear"] > 0.5


def test_a_teacher_with_text_is_asked_by_text_too(tmp_path: Path) -> None:
    teacher = open_teacher(str(write_folder(tmp_path, "clip")))
    scores = teacher_scores(teacher, Shades())
    assert set(scores) == {"knn", "linear", "zero_shot_seen", "zero_shot_unseen"}
    assert all(0 <= share <= 1 for share in scores.values())


def test_features_come_from_the_cache_the_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = open_teacher(str(write_folder(tmp_path, "siglip")))
    first = features_of(teacher, Shades(), "val")
    assert first["picture"].shape == (20, teacher.width)
    assert first["embedding"].shape == (20, teacher.embedding_width)

    def refuse(pixels: torch.Tensor, grid: Any) -> None:
        raise AssertionError("the teacher looked again")

    monkeypatch.setattr(teacher, "look", refuse)
    np.testing.assert_array_equal(
        features_of(teacher, Shades(), "val")["picture"], first["picture"]
    )


def test_labels_are_places_among_the_classes() -> None:
    np.testing.assert_array_equal(labels_of(Shades(), "val"), np.arange(20) % 10)


def test_zero_shot_compares_the_chosen_classes_alone() -> None:
    text = np.eye(3, dtype=np.float32) * np.array([[1], [5], [1]], np.float32)
    pictures = np.array([[1, 0.9, 0], [0, 1, 0], [0.2, 0, 0.1], [0, 0.9, 1]], np.float32)
    labels = np.array([0, 1, 2, 2])
    assert zero_shot(pictures, labels, text, [0, 1, 2]) == 0.75
    assert zero_shot(pictures, labels, text, [1, 2]) == 1.0
