"""GEP, stage 1 (arXiv 2603.23032): event tokens aligned to those of a small image teacher."""

from __future__ import annotations

from events.representations.red_blue import RedBlueSpec
from models.encoders import dinov2
from training.data import mixture
from training.methods import gep_align
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage

SPEC = RedBlueSpec(mean=(0.901, 0.801, 0.901), std=(0.196, 0.238, 0.195))
"""Normalised by the mean and spread of 400 of the recipe's own windows, as the release normalises
each data set by its own (DSEC's are 0.90 0.80 0.89 and 0.22 0.29 0.22)."""
TEACHER = "out/image_teacher/teacher"


def recipe() -> Recipe:
    """Return a run of a quarter of an hour on one core, after ``saccade train image_teacher``.

    As published: red and blue images, a student that starts as its teacher, one data set a batch,
    AdamW without decay, a cosine to 0, the gradient's norm at most 1. Smaller than published (in
    brackets): pictures of 64x64 (224x224), batches of 32 (64), 800 steps (120,000 and more), and
    for so few steps a rate of 3e-4 (2e-5, after 1,000 steps of warm-up). With the public teacher:

        saccade train gep_align --method.teacher facebook/dinov2-with-registers-small
            --encoder.initial facebook/dinov2-with-registers-small
            --encoder.width 384 --encoder.depth 12 --encoder.num-attention-heads 6
            --encoder.patch-size 14 --encoder.image-size 518
            --stages.0.height 224 --stages.0.width 224 --stages.0.batch-size 64
            --stages.0.steps 120000 --optimizer.lr 2e-5 --optimizer.warmup-steps 1000
    """
    return Recipe(
        name="gep-align",
        stages=(Stage(steps=800, height=64, width=64, batch_size=32),),
        spec=SPEC,
        data=mixture.Config(
            shares={"tiny_imagenet": 0.7, "camvid": 0.2, "seven_scenes": 0.1},
            draw="batch",
            with_images=True,
        ),
        encoder=dinov2.Config(
            width=192,
            depth=6,
            num_attention_heads=3,
            patch_size=8,
            image_size=64,
            initial=TEACHER,
        ),
        method=gep_align.Config(teacher=TEACHER),
        optimizer=OptimizerConfig(lr=3e-4, warmup_steps=100, weight_decay=0, final_share=0),
        ema_decay=0.99,
        precision="fp32",
        checkpoint_every=200,
        pictures_every=400,
    )
