from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from models.teachers.preprocessing import HALF, Preprocessing, read_preprocessing

PLAIN = Preprocessing(*HALF, size=16)


def test_bytes_and_shares_are_normalised_alike() -> None:
    pixels = torch.tensor([0, 255, 51], dtype=torch.uint8)[None, :, None, None]
    expected = torch.tensor([-1.0, 1.0, -0.6])[None, :, None, None]
    torch.testing.assert_close(PLAIN.normalized(pixels), expected)
    torch.testing.assert_close(PLAIN.normalized(pixels / 255), expected)


def test_the_middle_square_is_taken_at_the_models_size() -> None:
    wide = torch.zeros(3, 32, 96, dtype=torch.uint8)
    wide[:, :, 32:64] = 200
    square = PLAIN.squared(wide)
    assert square.shape == (3, 16, 16)
    torch.testing.assert_close(square, torch.full((3, 16, 16), 200 / 255))
    assert PLAIN.squared(wide, multiple=7).shape == (3, 14, 14)


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ({"crop_size": {"height": 24, "width": 24}, "size": {"shortest_edge": 30}}, 24),
        ({"size": {"shortest_edge": 30}}, 30),
        ({"size": 28}, 28),
        ({}, 16),
    ],
)
def test_every_way_of_writing_a_size_is_read(
    said: dict[str, object], size: int, tmp_path: Path
) -> None:
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(said))
    assert read_preprocessing(path, PLAIN).size == size


def test_what_is_written_is_read() -> None:
    given = Preprocessing((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), 48)
    assert json.loads(json.dumps(given.to_json()))["image_mean"] == [0.1, 0.2, 0.3]


def test_without_a_file_the_default_holds() -> None:
    assert read_preprocessing(None, PLAIN) == PLAIN
