"""The engine shipped with Saccade: all tasks, small pictures first, then the native size."""

from __future__ import annotations

from training.methods import finetune
from training.recipe import Recipe, Stage


def recipe() -> Recipe:
    """Return the run that made app/assets/saccade-default.*."""
    return Recipe(
        name="saccade-default",
        stages=(
            Stage(steps=5_000, height=64, width=96, batch_size=64),
            Stage(steps=3_500, height=96, width=128, batch_size=64),
            Stage(steps=2_400, height=192, width=256, batch_size=32),
        ),
        shares={"tiny_imagenet": 0.6, "synthetic": 0.2, "camvid": 0.12, "seven_scenes": 0.08},
        method=finetune.Config(distillation=1.0),
    )
