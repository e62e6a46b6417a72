"""Checkpoints: all that an interrupted run needs to go on exactly where it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from training.methods.method import Method
from training.optim import AveragedWeights


class CheckpointError(Exception):
    """A checkpoint does not belong to this run, or is damaged."""


def save_checkpoint(
    path: Path,
    *,
    step: int,
    recipe_text: str,
    method: Method,
    average: AveragedWeights,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write the state after ``step`` steps; the old file stays until the new one is whole."""
    state = {
        "step": step,
        "recipe": recipe_text,
        "method": method.state_dict(),
        "average": average.module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": torch.get_rng_state(),
    }
    part = path.with_name(path.name + ".part")
    torch.save(state, part)
    os.replace(part, path)


def load_checkpoint(
    path: Path,
    *,
    recipe_text: str,
    method: Method,
    average: AveragedWeights,
    optimizer: torch.optim.Optimizer,
) -> int:
    """Restore a run; return the number of steps done.

    Raises:
        CheckpointError: the file is damaged, or was written by another recipe.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise CheckpointError(f"{path} is not a readable checkpoint: {error}") from None
    if state["recipe"] != recipe_text:
        raise CheckpointError(
            f"{path} was written by another recipe: give another --output, or the same settings"
        )
    method.load_state_dict(state["method"])
    average.module.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    return int(state["step"])
