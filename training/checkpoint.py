"""Checkpoints: all that an interrupted run needs to go on exactly where it was."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_model_state_dict,
    set_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load as load_shards
from torch.distributed.checkpoint.state_dict_saver import save as save_shards
from torch.distributed.tensor import DTensor

from training.distributed import World
from training.methods.method import Method
from training.optim import AveragedWeights

log = logging.getLogger(__name__)

FOLDER = "checkpoints"
PROGRESS_FILE = "progress.pt"
"""In a folder of shards: what all processes share."""
NUM_KEPT = 2
"""Checkpoints that stay: should the newest be damaged, the one before serves."""


class CheckpointError(Exception):
    """A checkpoint does not belong to this run, is damaged, or cannot be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that a step changes, in this process."""

    world: World
    method: Method
    distributed: nn.Module
    """What is called for a step: the method, or what makes processes agree on its gradients."""
    average: AveragedWeights[nn.Module]
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler

    @property
    def is_sharded(self) -> bool:
        """Whether each process holds a part of the weights only."""
        return isinstance(next(self.method.parameters()), DTensor)

    def save(self, folder: Path, step: int) -> None:
        """Write the state after ``step`` steps; older files stay until this one is whole.

        Raises:
            CheckpointError: the disk is full or may not be written; nothing older is lost.
        """
        random = self.world.each(_random_state())
        path = folder / FOLDER / f"step-{step:08d}{'' if self.is_sharded else '.pt'}"
        part = path.with_suffix(".part")
        try:
            if self.world.is_main:
                path.parent.mkdir(parents=True, exist_ok=True)
            state = {"step": step, "scaler": self.scaler.state_dict(), "random": random}
            if self.is_sharded:
                self._save_shards(part, state)
            elif self.world.is_main:
                torch.save(state | self._whole_state(), part)
            if self.world.is_main:
                if path.is_dir():  # damaged, or the run would not have come here again
                    _remove(path)
                os.replace(part, path)
        # torch's writers raise the latter two when disks fill
        except (OSError, RuntimeError, CheckpointException) as error:
            _remove(part)
            before = "the one before is whole" if checkpoints(folder) else "there is none before it"
            raise CheckpointError(
                f"the checkpoint of step {step} cannot be written to {path.parent}: "
                f"{_first_line(error)}; make room and go on with --resume: {before}"
            ) from None
        self.world.wait()
        if self.world.is_main:
            for old in checkpoints(folder)[:-NUM_KEPT]:
                _remove(old)

    def restore(self, folder: Path) -> int:
        """Read back the newest checkpoint that is whole; return the number of steps done.

        Raises:
            CheckpointError: there is none.
        """
        problems = []
        for path in reversed(checkpoints(folder)):
            try:
                state = self._load_shards(path) if path.is_dir() else _read(path)
            # torch raises many kinds for a damaged file; for shards one that is no Exception
            except (Exception, CheckpointException) as error:
                problems.append(f"{path.name}: {_first_line(error)}")
                log.warning("%s is damaged, the one before is taken", path)
                continue
            if not path.is_dir():
                self._load_whole(state)
            self.scaler.load_state_dict(state["scaler"])
            _set_random_state(state["random"], self.world.rank)
            return int(state["step"])
        raise CheckpointError(
            f"no readable checkpoint in {folder / FOLDER} ({'; '.join(problems) or 'none there'}): "
            "--restart begins anew"
        )

    def whole_average(self) -> nn.Module:
        """Return the averaged weights in one module, which is worth writing in the main process.

        Every process must call this: shards are gathered.
        """
        if not self.is_sharded:
            return self.average.module
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        weights = get_model_state_dict(self.average.module, options=options)
        whole = self.average.unsharded
        if self.world.is_main:
            whole.load_state_dict(weights)
        return whole

    def _load_whole(self, state: dict[str, Any]) -> None:
        if self.is_sharded:
            raise CheckpointError(
                "the checkpoint is of a run whose processes hold all weights: leave out "
                "--strategy fsdp, or begin anew with --restart"
            )
        try:
            self.method.load_state_dict(state["method"])
            self.average.module.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"the checkpoint does not fit this recipe's network: {_first_line(error)}"
            ) from None

    def _whole_state(self) -> dict[str, Any]:
        return {
            "method": self.method.state_dict(),
            "average": self.average.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def _sharded_state(self) -> dict[str, Any]:
        method, optimizer = get_state_dict(self.method, self.optimizer)
        average = get_model_state_dict(self.average.module)
        return {"method": method, "optimizer": optimizer, "average": average}

    def _save_shards(self, part: Path, state: dict[str, Any]) -> None:
        """Write each process's shards, for any number of processes to read again."""
        save_shards(self._sharded_state(), checkpoint_id=part)
        if self.world.is_main:
            torch.save(state, part / PROGRESS_FILE)

    def _load_shards(self, path: Path) -> dict[str, Any]:
        shards = self._sharded_state()
        load_shards(shards, checkpoint_id=path)
        set_state_dict(
            self.method,
            self.optimizer,
            model_state_dict=shards["method"],
            optim_state_dict=shards["optimizer"],
        )
        set_model_state_dict(self.average.module, shards["average"])
        return _read(path / PROGRESS_FILE)


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first: files, or folders of shards."""
    found = (folder / FOLDER).glob("step-*")
    return sorted(
        (path for path in found if path.suffix in ("", ".pt")), key=lambda path: path.stem
    )


def _read(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _random_state() -> dict[str, Any]:
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}


def _set_random_state(states: list[dict[str, Any]], rank: int) -> None:
    torch.set_rng_state(states[0]["cpu"])  # the same in all: see ``shared_rand``
    cuda = states[rank % len(states)]["cuda"]  # a larger world's new ones take another's
    if len(cuda) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(cuda)


def _first_line(error: BaseException) -> str:
    if isinstance(error, CheckpointException) and error.failures:
        error = next(iter(error.failures.values()))[0]  # of the first process that failed
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
