from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from tiny_engine import tiny_card

from models.card import METADATA_KEY, CardError
from models.model_file import load_card, load_model, save_model
from models.perception import Perception

CARD = tiny_card()


def test_a_saved_model_says_the_same_again(tmp_path: Path) -> None:
    module = Perception(CARD).eval()
    save_model(tmp_path / "m.safetensors", module, CARD)
    loaded, card = load_model(tmp_path / "m.safetensors")
    events = torch.randn(1, 5, 64, 96)
    assert card == CARD == load_card(tmp_path / "m.safetensors")
    assert not loaded.training
    for task, value in module(events).items():
        assert torch.equal(loaded(events)[task], value)
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_half_precision_weights_come_back_as_float32(tmp_path: Path) -> None:
    save_model(tmp_path / "m.safetensors", Perception(CARD), CARD, dtype=torch.float16)
    loaded, _ = load_model(tmp_path / "m.safetensors")
    assert {value.dtype for value in loaded.parameters()} == {torch.float32}


def test_files_that_are_no_model_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(FileNotFoundError, match="no model file"):
        load_model(path)
    path.write_bytes(b"garbage" * 100)
    with pytest.raises(CardError, match="not a safetensors file"):
        load_model(path)
    safetensors.numpy.save_file({"a": np.zeros(3)}, path)
    with pytest.raises(CardError, match="no Saccade card"):
        load_model(path)
    metadata = {METADATA_KEY: CARD.to_json()}
    safetensors.numpy.save_file({"a": np.zeros(3)}, path, metadata=metadata)
    with pytest.raises(CardError, match="do not fit the card"):
        load_model(path)
