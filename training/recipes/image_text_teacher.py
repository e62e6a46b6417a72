"""A small CLIP on the pictures and class names of the data folder; 40 classes stay unseen."""

from __future__ import annotations

from training.data import pictures
from training.methods import image_text_teacher
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage


def recipe() -> Recipe:
    """Return a run of 20 minutes on one core; its image tower starts from ``image_teacher``'s."""
    return Recipe(
        name="image-text-teacher",
        stages=(Stage(steps=700, height=64, width=64, batch_size=64),),
        data=pictures.Config(num_views=1, leave_out_unseen=True),
        method=image_text_teacher.Config(image_tower="out/image_teacher/teacher"),
        optimizer=OptimizerConfig(lr=1e-3, warmup_steps=100, weight_decay=0.05),
        ema_decay=0.99,
        checkpoint_every=100,
    )
