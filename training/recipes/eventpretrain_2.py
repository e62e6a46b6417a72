"""EventPretrain (arXiv 2508.05507), stage II: the encoder rests but for its last LayerNorm.

Published: CLIP ViT-B/16 as the teacher, projections 4096 wide, a queue of 1,024 keys for each
position; the rest as in stage I.
"""

from __future__ import annotations

from dataclasses import replace

from training.methods import eventpretrain
from training.recipe import Recipe, Stage
from training.recipes import eventpretrain_1

PUBLISHED_LR = 1e-3
"""For a batch of 256; the rate goes with the batch."""


def recipe() -> Recipe:
    """Return the run after ``eventpretrain_1``; its teacher is the one of ``image_teacher``."""
    first = eventpretrain_1.recipe()
    return replace(
        first,
        name="eventpretrain-2",
        initial="out/eventpretrain_1/model.safetensors",
        stages=(Stage(steps=400, height=64, width=64, batch_size=64),),
        method=eventpretrain.Config(
            stage="transition", teacher="out/image_teacher/teacher", hidden_width=512
        ),
        optimizer=replace(first.optimizer, lr=PUBLISHED_LR * 64 / 256, warmup_steps=50),
    )
