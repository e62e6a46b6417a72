"""EventPretrain (arXiv 2508.05507), stage I: difference-guided masked modelling, made small.

Published: ViT-S/16, ConvViT-S or Swin-T at 224 x 224, simulated events between two frames at 30 a
second of 1000 classes of ImageNet, AdamW (0.9, 0.95), weight decay 0.05, learning rate 1e-3 x
batch / 256, 20 epochs of warm-up, cosine. Epochs and batch stand in a supplement; the code's
defaults of 5 and 2 are placeholders.
"""

from __future__ import annotations

from events.representations.voxel_grid import VoxelGridSpec
from models.encoders import vit
from models.reconstruction import DecoderConfig
from training.data import mixture
from training.methods import eventpretrain
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage


def recipe() -> Recipe:
    """Return a run of a quarter of an hour on two cores: windows of 64 x 64, patches of 8 x 8.

    So few windows of so few pixels never leave the plateau at 0.98, where every hidden patch is
    said to be flat (tried with 32,000 windows): the visible patches' loss counts too, which the
    paper's does not. Set --method.visible-weight 0 for that.
    """
    return Recipe(
        name="eventpretrain-1",
        stages=(Stage(steps=1_500, height=64, width=64, batch_size=32),),
        data=mixture.Config(shares={"tiny_imagenet": 1.0}, with_images=True),
        encoder=vit.Config(width=128, depth=6, num_attention_heads=4, patch_size=8),
        method=eventpretrain.Config(decoder=DecoderConfig(width=128, depth=1), visible_weight=1.0),
        spec=VoxelGridSpec(placement="closed", anchor="events"),
        window_us=33_333,
        optimizer=OptimizerConfig(lr=1e-3, warmup_steps=100, betas=(0.9, 0.95)),
        ema_decay=0.99,
        checkpoint_every=500,
    )
