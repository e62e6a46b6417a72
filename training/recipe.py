"""Recipe: all that one training run is; training/recipes holds functions that return one."""

from __future__ import annotations

import dataclasses
import itertools
import json
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import training.recipes
from events.representations.representation import Spec
from events.representations.voxel_grid import VoxelGridSpec
from models.encoders import hybrid
from models.encoders.encoder import EncoderConfig
from training.choices import choice_names, load_choice
from training.data.feed import DataConfig
from training.methods.method import MethodConfig
from training.optim import OptimizerConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stretch of training at one input size."""

    steps: int
    """Optimiser steps."""
    height: int
    """Of the network's input, in pixels; windows of another shape are letterboxed."""
    width: int
    """Of the network's input, in pixels."""
    batch_size: int
    """Samples of a batch, in each process; see ``accumulate``."""

    def __post_init__(self) -> None:
        for name in ("steps", "height", "width", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"a stage's {name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One run from nothing to a model file."""

    name: str
    """For messages and the model's provenance."""
    stages: tuple[Stage, ...]
    """In order; the last one's input size is the model's."""
    data: DataConfig
    method: MethodConfig
    encoder: EncoderConfig = field(default_factory=hybrid.Config)
    spec: Spec = field(
        default_factory=lambda: VoxelGridSpec(num_bins=5, normalization="nonzero_rms")
    )
    """The representation that the encoder is fed."""
    window_us: int = 50_000
    """Length of a window of events."""
    stride_us: int = 20_000
    """Between the starts of the windows that the model is given at run time."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    initial: str | None = None
    """Model file whose weights the run starts from; None is random ones."""
    ema_decay: float = 0.999
    """Of the averaged weights, which are the ones evaluated and saved; 0 saves the last ones."""
    precision: Literal["bf16", "fp16", "fp32"] = "bf16"
    """Of the forward pass; weights and losses stay float32."""
    accumulate: int = 1
    """Batches whose gradients make one step: a step's batch is this many times a stage's."""
    strategy: Literal["ddp", "fsdp"] = "ddp"
    """Under torchrun: whether each process holds all weights, or a shard of them (FSDP2)."""
    activation_checkpointing: bool = False
    """Whether the encoder's blocks are computed again for the gradient instead of kept: less
    memory, a third more time."""
    compile: bool = False
    """Whether torch.compile makes the step; needs a C++ compiler on the CPU."""
    file_dtype: Literal["float32", "float16"] = "float32"
    """Of the weights in the model file; half the size costs nothing that can be measured."""
    seed: int = 0
    """Of weights, samples and augmentation: equal seeds give equal runs on one machine."""
    num_workers: int = 1
    """Processes that make samples; 0 makes them in the training process."""
    grids_on: Literal["worker", "device"] = "worker"
    """Where windows become grids: in the processes that make samples, or, of a whole batch at once,
    on the training device, to which then only events travel, 16 bytes each: for GPUs whose workers
    do not keep up, much slower on a processor. Windows alone, not packed; the same to 1e-5."""
    max_skipped_share: float = 0.01
    """Of samples that cannot be read and are replaced by others, before the run stops."""
    checkpoint_every: int = 500
    """Steps; the last two checkpoints are kept."""
    log_every: int = 20
    """Steps between lines of the log."""
    pictures_every: int = 0
    """Steps between pictures for TensorBoard, where the method has some; 0 is none, and so is the
    strategy fsdp, where no process holds all weights."""

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("a recipe needs at least one stage")
        for name, least in (("accumulate", 1), ("checkpoint_every", 1), ("log_every", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")

    @property
    def num_steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_number(self, step: int) -> int:
        """Return which stage a step is of."""
        ends = list(itertools.accumulate(stage.steps for stage in self.stages))
        return min(bisect_right(ends, step), len(ends) - 1)

    def to_json(self) -> str:
        """Return the recipe as text, written beside its checkpoints; parts say their kind."""
        return json.dumps(_plain(self), indent=1, sort_keys=True)


def recipe_names() -> list[str]:
    """Return the names of all recipes: the files of training/recipes."""
    return choice_names(training.recipes)


def load_recipe(name: str) -> Recipe:
    """Return the recipe of a file in training/recipes.

    Raises:
        ValueError: there is none of that name.
    """
    make: Callable[[], Recipe] = load_choice(training.recipes, "recipe", name).recipe
    return make()


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it; a dataclass with the name of its file under ``kind``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)
        }
        return {"kind": type(value).__module__.rpartition(".")[2], **fields}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
