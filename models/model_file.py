"""Model files: weights as safetensors with the card in their metadata."""

from __future__ import annotations

import os
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from models.card import METADATA_KEY, CardError, ModelCard
from models.perception import Perception


def save_model(
    path: Path, module: Perception, card: ModelCard, *, dtype: torch.dtype = torch.float32
) -> None:
    """Write ``module``'s weights, floating ones as ``dtype``, and ``card``; atomic."""
    state = {
        name: (value.to(dtype) if value.is_floating_point() else value).contiguous().cpu()
        for name, value in module.state_dict().items()
    }
    part = path.with_name(path.name + ".part")
    safetensors.torch.save_file(state, part, metadata={METADATA_KEY: card.to_json()})
    os.replace(part, path)


def load_card(path: Path) -> ModelCard:
    """Read only the card of a model file.

    Raises:
        FileNotFoundError: there is no such file.
        CardError: the file is not a model file that this Saccade can honour.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"no model file {path}: check the name, or make one with `saccade train`"
        )
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise CardError(f"{path} is not a safetensors file, or a damaged one: {error}") from None
    if METADATA_KEY not in metadata:
        raise CardError(f"{path} holds weights but no Saccade card: not a model file of Saccade")
    return ModelCard.from_json(metadata[METADATA_KEY])


def load_model(path: Path) -> tuple[Perception, ModelCard]:
    """Read a model file; the module is float32, on the CPU, in eval mode.

    Raises:
        FileNotFoundError: there is no such file.
        CardError: the file cannot be honoured, or its weights do not fit its card.
    """
    card = load_card(path)
    module = Perception(card)
    state = safetensors.torch.load_file(path)
    try:
        module.load_state_dict(
            {
                name: value.float() if value.is_floating_point() else value
                for name, value in state.items()
            }
        )
    except RuntimeError as error:
        raise CardError(f"{path}: weights do not fit the card: {error}") from None
    return module.eval(), card
