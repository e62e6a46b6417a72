"""The first part of the default engine's training: all tasks at 96x64, where a step is cheap."""

from __future__ import annotations

from training.data import mixture
from training.methods import finetune
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage


def recipe() -> Recipe:
    """Return the run whose model ``default`` starts from."""
    return Recipe(
        name="default-small",
        stages=(Stage(steps=5_000, height=64, width=96, batch_size=64),),
        data=mixture.Config(
            shares={"tiny_imagenet": 0.6, "synthetic": 0.2, "camvid": 0.12, "seven_scenes": 0.08},
            with_embeddings=True,
        ),
        optimizer=OptimizerConfig(schedule_steps=10_900),
        method=finetune.Config(distillation=1.0),
    )
