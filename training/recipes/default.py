"""The engine shipped with Saccade: goes on from ``default_small`` at larger inputs."""

from __future__ import annotations

from dataclasses import replace

from training.data import mixture
from training.recipe import Recipe, Stage
from training.recipes import default_small


def recipe() -> Recipe:
    """Return the run that made app/assets/saccade-default.*; its start is the small run's model."""
    small = default_small.recipe()
    return replace(
        small,
        name="saccade-default",
        initial="out/default_small/model.safetensors",
        stages=(
            Stage(steps=3_800, height=96, width=128, batch_size=64),
            Stage(steps=2_400, height=192, width=256, batch_size=32),
        ),
        optimizer=replace(small.optimizer, schedule_steps=None),
        file_dtype="float16",
        data=mixture.Config(
            shares={"tiny_imagenet": 0.56, "synthetic": 0.2, "camvid": 0.12, "seven_scenes": 0.12},
            with_embeddings=True,
        ),
    )
