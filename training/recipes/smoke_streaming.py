"""A minute of training a network that remembers, on synthetic streams alone: teaches little."""

from __future__ import annotations

from dataclasses import replace

from models.temporal import conv_recurrent
from training.data import streams
from training.methods import finetune_stream
from training.recipe import Recipe, Stage
from training.recipes import smoke


def recipe() -> Recipe:
    """Return a run that needs no data and finishes on a laptop's processor."""
    small = smoke.recipe()
    return replace(
        small,
        name="smoke-streaming",
        stages=(Stage(steps=40, height=64, width=96, batch_size=2),),
        data=streams.Config(num_windows=4),
        method=finetune_stream.Config(
            temporal=conv_recurrent.Config(state_width=16), truncate_windows=4
        ),
    )
