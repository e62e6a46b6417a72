"""Checkpoints: all that an interrupted run needs to go on exactly where it was."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.methods.method import Method
from training.optim import AveragedWeights
from training.recipe import Recipe


class CheckpointError(Exception):
    """A checkpoint does not belong to this run, or is damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that a step changes, and the recipe that it belongs to."""

    recipe: Recipe
    method: Method
    average: AveragedWeights[Any]
    optimizer: torch.optim.Optimizer

    def save(self, path: Path, step: int) -> None:
        """Write the state after ``step`` steps; the old file stays until the new one is whole."""
        state = {
            "step": step,
            "recipe": self.recipe.to_json(),
            "method": self.method.state_dict(),
            "average": self.average.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        part = path.with_name(path.name + ".part")
        torch.save(state, part)
        os.replace(part, path)

    def restore(self, path: Path) -> int:
        """Read back what ``save`` wrote; return the number of steps done.

        Raises:
            CheckpointError: the file is damaged, or was written by another recipe.
        """
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for a damaged file
            raise CheckpointError(f"{path} is not a readable checkpoint: {error}") from None
        if state["recipe"] != self.recipe.to_json():
            raise CheckpointError(
                f"{path} was written by another recipe: give another --output, the same settings, "
                "or --restart to drop it"
            )
        self.method.load_state_dict(state["method"])
        self.average.module.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        return int(state["step"])
