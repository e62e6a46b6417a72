"""Recipe: all that one training run is; training/recipes holds functions that return one."""

from __future__ import annotations

import dataclasses
import importlib
import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import training.recipes
from events.representations.voxel_grid import VoxelGridSpec
from models.encoders import hybrid
from training.methods import finetune


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stretch of training at one input size."""

    steps: int
    height: int
    width: int
    batch_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One run from nothing to a model file."""

    name: str
    stages: tuple[Stage, ...]
    """In order; the last one's input size is the model's."""
    shares: dict[str, float]
    """How often each data set is drawn, by its file name in training/data/sets."""
    initial: str | None = None
    """Model file whose weights the run starts from; None is random ones."""
    encoder: hybrid.Config = field(default_factory=hybrid.Config)
    method: finetune.Config = field(default_factory=finetune.Config)
    spec: VoxelGridSpec = field(
        default_factory=lambda: VoxelGridSpec(num_bins=5, normalization="nonzero_rms")
    )
    window_us: int = 50_000
    stride_us: int = 20_000
    learning_rate: float = 1e-3
    """Peak, reached after ``warmup_steps``, falling along a cosine to a hundredth."""
    warmup_steps: int = 300
    schedule_steps: int | None = None
    """Length of the cosine; None is the run's own. A run that another continues may stop high."""
    weight_decay: float = 0.05
    max_grad_norm: float = 1.0
    ema_decay: float = 0.999
    """Of the averaged weights, which are the ones evaluated and saved."""
    file_dtype: Literal["float32", "float16"] = "float32"
    """Of the weights in the model file; half the size costs nothing that can be measured."""
    seed: int = 0
    num_workers: int = 1
    checkpoint_every: int = 500
    log_every: int = 20

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("a recipe needs at least one stage")
        for stage in self.stages:
            if stage.height % 32 or stage.width % 32:
                raise ValueError(
                    f"input sizes must be multiples of 32, got {stage.width}x{stage.height}"
                )
            if stage.steps < 1 or stage.batch_size < 1:
                raise ValueError(f"steps and batch_size must be at least 1, got {stage}")

    @property
    def num_steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def to_json(self) -> str:
        """Return the recipe as text, written beside its checkpoints."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True)


def recipe_names() -> list[str]:
    """Return the names of all recipes: the files of training/recipes."""
    return sorted(module.name for module in pkgutil.iter_modules(training.recipes.__path__))


def load_recipe(name: str) -> Recipe:
    """Return the recipe of a file in training/recipes.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in recipe_names():
        raise ValueError(f"no recipe {name!r}; there are {', '.join(recipe_names())}")
    make: Callable[[], Recipe] = importlib.import_module(f"training.recipes.{name}").recipe
    return make()
