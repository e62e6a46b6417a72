"""ScaleEvent (arXiv 2603.03969): dense distillation from a small image teacher, with structure."""

from __future__ import annotations

from events.representations.voxel_image import VoxelImageSpec
from models.encoders import dinov3
from training.data import mixture
from training.methods import scaleevent
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage

TEACHER = "out/image_teacher_dinov3/teacher"


def recipe() -> Recipe:
    """Return a run of a quarter of an hour on one core, after ``image_teacher_dinov3``.

    As published: voxel images of three bins, a student that starts as its teacher, data sets drawn
    by their size, no augmentation but the simulation's, AdamW with decay 1e-4, a rate that falls to
    0.9 with each of ten epochs, the gradient's norm at most 0.1. Smaller than published (in
    brackets): pictures of 64x64 (1280x960), batches of 32 (20 and less on each of 4 GPUs), 1,200
    steps (10 epochs of 100,000 to 150,000 pairs), and for so few steps a rate of 5e-4 (5e-6 in the
    paper; 2e-6 in the code, for ViT-L). With the public teacher:

        saccade train scaleevent --method.teacher facebook/dinov3-vits16-pretrain-lvd1689m
            --encoder.initial facebook/dinov3-vits16-pretrain-lvd1689m
            --encoder.width 384 --encoder.depth 12 --encoder.num-attention-heads 6
            --encoder.patch-size 16 --encoder.mlp-width 1536
            --stages.0.height 960 --stages.0.width 1280 --stages.0.batch-size 20
            --stages.0.steps 75000 --optimizer.lr 5e-6 --optimizer.warmup-steps 0
    """
    return Recipe(
        name="scaleevent",
        stages=(Stage(steps=1_200, height=64, width=64, batch_size=32),),
        spec=VoxelImageSpec(),
        data=mixture.Config(
            shares={"tiny_imagenet": 1.0, "camvid": 1.0, "seven_scenes": 1.0},
            by_size=True,
            with_images=True,
        ),
        encoder=dinov3.Config(
            width=192,
            depth=6,
            num_attention_heads=3,
            patch_size=8,
            mlp_width=768,
            initial=TEACHER,
        ),
        method=scaleevent.Config(teacher=TEACHER),
        optimizer=OptimizerConfig(
            lr=5e-4,
            warmup_steps=50,
            schedule="exponential",
            final_share=0.9**10,
            weight_decay=1e-4,
            max_grad_norm=0.1,
        ),
        ema_decay=0.99,
        precision="fp32",
        checkpoint_every=250,
        pictures_every=500,
    )
