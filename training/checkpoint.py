"""Checkpoints: all that an interrupted run needs to go on exactly where it was."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.methods.method import Method
from training.optim import AveragedWeights

log = logging.getLogger(__name__)

FOLDER = "checkpoints"
NUM_KEPT = 2
"""Checkpoints that stay: should the newest be damaged, the one before serves."""


class CheckpointError(Exception):
    """A checkpoint does not belong to this run, is damaged, or cannot be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that a step changes."""

    method: Method
    average: AveragedWeights[Any]
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler

    def save(self, folder: Path, step: int) -> None:
        """Write the state after ``step`` steps; older files stay until this one is whole.

        Raises:
            CheckpointError: the disk is full or may not be written; nothing older is lost.
        """
        state = {
            "step": step,
            "method": self.method.state_dict(),
            "average": self.average.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": _random_state(),
        }
        path = folder / FOLDER / f"step-{step:08d}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        try:
            torch.save(state, part)
            os.replace(part, path)
        except (OSError, RuntimeError) as error:  # torch's writer raises the latter when disks fill
            part.unlink(missing_ok=True)
            raise CheckpointError(
                f"the checkpoint of step {step} cannot be written to {path.parent}: "
                f"{_first_line(error)}; make room and go on with --resume: the one before is whole"
            ) from None
        for old in checkpoints(folder)[:-NUM_KEPT]:
            old.unlink()

    def restore(self, folder: Path) -> int:
        """Read back the newest checkpoint that is whole; return the number of steps done.

        Raises:
            CheckpointError: there is none.
        """
        problems = []
        for path in reversed(checkpoints(folder)):
            try:
                state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            except Exception as error:  # torch raises many kinds for a damaged file
                problems.append(f"{path.name}: {_first_line(error)}")
                log.warning("%s is damaged, the one before is taken", path)
                continue
            self._load(state)
            return int(state["step"])
        raise CheckpointError(
            f"no readable checkpoint in {folder / FOLDER} ({'; '.join(problems) or 'none there'}): "
            "--restart begins anew"
        )

    def _load(self, state: dict[str, Any]) -> None:
        try:
            self.method.load_state_dict(state["method"])
            self.average.module.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"the checkpoint does not fit this recipe's network: {_first_line(error)}"
            ) from None
        self.scaler.load_state_dict(state["scaler"])
        _set_random_state(state["random"])


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    return sorted((folder / FOLDER).glob("step-*.pt"))


def _random_state() -> dict[str, Any]:
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}


def _set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
