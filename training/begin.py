"""A run before its first step: what a step changes, made of a recipe and its method."""

from __future__ import annotations

import copy

import torch

from training.checkpoint import Run
from training.distributed import World, distribute, shard
from training.methods.method import Method
from training.optim import AveragedWeights, build_optimizer
from training.recipe import Recipe


def begin(recipe: Recipe, method: Method, world: World) -> Run:
    """Return a run of ``method`` at its first step."""
    average = AveragedWeights(method.trained(), recipe.ema_decay)
    distributed = distribute(method, world, recipe.strategy)
    if world.size > 1 and recipe.strategy == "fsdp":
        average.unsharded = copy.deepcopy(average.module).cpu()
        shard(average.module, world)
    return Run(
        world=world,
        method=method,
        distributed=distributed,
        average=average,
        optimizer=build_optimizer(method.parameter_groups(), recipe.optimizer),
        scaler=torch.amp.GradScaler(world.device.type, enabled=recipe.precision == "fp16"),
    )
