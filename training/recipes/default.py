"""The engine shipped with Saccade: all tasks, small pictures first, then the native size."""

from __future__ import annotations

from training.recipe import Recipe, Stage


def recipe() -> Recipe:
    """Return the run that made app/assets/saccade-default.*."""
    return Recipe(
        name="saccade-default",
        stages=(
            Stage(steps=9_000, height=96, width=128, batch_size=64),
            Stage(steps=3_000, height=192, width=256, batch_size=32),
        ),
        shares={"tiny_imagenet": 0.56, "synthetic": 0.2, "camvid": 0.12, "seven_scenes": 0.12},
    )
