"""What the tests of every method need: the method of a recipe, a batch, and some steps on it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from models.heads.head import Targets
from training.data.batch import Batch, Pairs
from training.data.feed import AnyBatch
from training.methods.method import Method
from training.recipe import Recipe


def built(recipe: Recipe, seed: int = 0) -> Method:
    """Return a recipe's method, its weights drawn from ``seed``."""
    torch.manual_seed(seed)
    return recipe.method.build(recipe, recipe.data.build(recipe))


def first_batch(recipe: Recipe, num: int = 8) -> Batch:
    """Return the first samples of a recipe's own data."""
    feed = recipe.data.build(recipe)
    samples = feed.samples(recipe.stages[0])
    batch = feed.collate([samples[i] for i in range(num)])
    assert isinstance(batch, Batch)
    return batch


def pair_batch(events_BCHW: Tensor, images: Tensor, previous: Tensor, dataset: Tensor) -> Batch:
    """Return windows with pictures and no labels; images and previous are (B, 3, H, W) uint8."""
    num = len(events_BCHW)
    return Batch(
        events=events_BCHW,
        targets=Targets(
            recognition=torch.full((num,), -1),
            segmentation=torch.full((num, 4, 4), 255),
            depth_m=torch.zeros(num, 4, 4),
        ),
        embedding=torch.zeros(num, 0),
        dataset=dataset,
        names=("random",) * num,
        pairs=Pairs(images, previous, torch.zeros(num, *images.shape[2:])),
    )


def learn(
    method: Method,
    batch: AnyBatch,
    optimizer: torch.optim.Optimizer,
    num_steps: int,
    schedule: LRScheduler | None = None,
) -> list[float]:
    """Take steps on one batch over and over, as the loop does; return their losses."""
    losses = []
    for step in range(num_steps):
        loss = method.train()(batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.after_step(step)
        if schedule is not None:
            schedule.step()
        losses.append(loss.item())
    return losses
