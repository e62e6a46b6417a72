"""A minute of training on synthetic scenes alone: shows that everything works, teaches little."""

from __future__ import annotations

from models.encoders import hybrid
from training.data import mixture
from training.methods import finetune
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage


def recipe() -> Recipe:
    """Return a run that needs no data and finishes on a laptop's processor."""
    return Recipe(
        name="smoke",
        stages=(Stage(steps=60, height=64, width=96, batch_size=8),),
        data=mixture.Config(shares={"synthetic": 1.0}),
        method=finetune.Config(),
        encoder=hybrid.Config(widths=(16, 24, 32, 64), depths=(1, 1, 1, 1), stem_width=8),
        optimizer=OptimizerConfig(warmup_steps=10),
        ema_decay=0.95,
        num_workers=0,
        checkpoint_every=20,
        log_every=5,
    )
