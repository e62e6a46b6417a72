"""Saccade's own method: structure, difference and text taught together, on a small encoder."""

from __future__ import annotations

from events.representations.voxel_grid import VoxelGridSpec
from models.encoders import dinov2
from training.data import mixture
from training.methods import saccade
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage

TEACHER = "out/image_teacher/teacher"


def recipe() -> Recipe:
    """Return a run of a quarter of an hour on one core, after both image teachers.

    It is fed the voxel grid that Saccade's engines are fed live, whose windows share a ring. The
    student starts as the image teacher; all of it learns. With public teachers:

        saccade train saccade --method.structure.teacher facebook/dinov2-with-registers-small
            --method.text-teacher openai/clip-vit-base-patch32
            --encoder.initial facebook/dinov2-with-registers-small
            --encoder.width 384 --encoder.depth 12 --encoder.num-attention-heads 6
            --encoder.patch-size 14 --encoder.image-size 518
            --stages.0.height 224 --stages.0.width 224 --stages.0.steps 120000 --optimizer.lr 2e-5
    """
    return Recipe(
        name="saccade",
        stages=(Stage(steps=1_200, height=64, width=64, batch_size=32),),
        spec=VoxelGridSpec(num_bins=5, normalization="nonzero_rms"),
        data=mixture.Config(
            shares={"tiny_imagenet": 0.7, "camvid": 0.2, "seven_scenes": 0.1}, with_images=True
        ),
        encoder=dinov2.Config(
            width=192, depth=6, num_attention_heads=3, patch_size=8, image_size=64, initial=TEACHER
        ),
        method=saccade.Config(),
        optimizer=OptimizerConfig(lr=5e-4, warmup_steps=100, weight_decay=0.01),
        ema_decay=0.99,
        checkpoint_every=200,
        pictures_every=400,
    )
