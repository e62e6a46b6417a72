"""EventPretrain (arXiv 2508.05507), stage III: everything learns, deep layers fastest.

Published: as stage II, with a learning rate lower by 0.75 for each layer towards the input, or with
1, 10 and 100 per cent of it in the lower, middle and upper third.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from training.methods import eventpretrain
from training.recipe import Recipe, Stage
from training.recipes import eventpretrain_2


def recipe() -> Recipe:
    """Return the run after ``eventpretrain_2``, whose heads it goes on with."""
    second = eventpretrain_2.recipe()
    assert isinstance(second.method, eventpretrain.Config)
    return replace(
        second,
        name="eventpretrain-3",
        initial="out/eventpretrain_2/model.safetensors",
        stages=(Stage(steps=600, height=64, width=64, batch_size=64),),
        method=replace(
            second.method,
            stage="focus",
            initial_heads=Path("out/eventpretrain_2/heads.safetensors"),
        ),
    )
