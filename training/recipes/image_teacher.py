"""A small image teacher of DINOv2's architecture, for where the public weights are out of reach."""

from __future__ import annotations

from training.data import pictures
from training.methods import image_teacher
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage


def recipe() -> Recipe:
    """Return a run of half an hour on one core: pictures of 64x64, patches of 8x8.

    It sees no picture of the 40 classes that ``image_text_teacher``, which starts from it, must not
    know.
    """
    return Recipe(
        name="image-teacher",
        stages=(Stage(steps=1_600, height=64, width=64, batch_size=64),),
        data=pictures.Config(leave_out_unseen=True),
        method=image_teacher.Config(),
        optimizer=OptimizerConfig(lr=1e-3, warmup_steps=100, weight_decay=0.05),
        ema_decay=0.99,
        checkpoint_every=100,
    )
