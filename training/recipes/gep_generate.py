"""GEP, stage 2 (arXiv 2603.23032): a causal transformer over the tokens of stage 1."""

from __future__ import annotations

from dataclasses import replace

from models.temporal import causal_transformer
from training.data import token_stream
from training.methods import gep_generate
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage
from training.recipes import gep_align

CONTEXT_TOKENS = 512


def recipe() -> Recipe:
    """Return a run of a quarter of an hour on one core, after ``saccade train gep_align``.

    As published: both encoders frozen, events and pictures in turn, tokens made once and kept, the
    next token's squared error, AdamW with a decay of 1e-5, a cosine to 0. Smaller than published
    (in brackets): 64 tokens a frame (256), 6 blocks (12), a context of 512 tokens (4,096: both
    of several event and image pairs), 600 steps (up to a million) at 3e-4 (1e-4). With the public
    teacher and an encoder aligned to it:

        saccade train gep_generate --initial out/gep_align/model.safetensors
            --method.teacher facebook/dinov2-with-registers-small
            --method.temporal.depth 12 --method.temporal.context-tokens 4096
            --data.window-tokens 4096 --stages.0.height 224 --stages.0.width 224
            --optimizer.lr 1e-4 --stages.0.steps 1000000
    """
    aligned = gep_align.recipe()
    return replace(
        aligned,
        name="gep-generate",
        initial="out/gep_align/model.safetensors",
        encoder=replace(aligned.encoder, initial=None),
        stages=(Stage(steps=600, height=64, width=64, batch_size=8),),
        data=token_stream.Config(
            sequences={"camvid": 120, "seven_scenes": 120, "synthetic": 60, "tiny_imagenet": 480},
            window_tokens=CONTEXT_TOKENS,
        ),
        method=gep_generate.Config(
            teacher=gep_align.TEACHER,
            temporal=causal_transformer.Config(depth=6, context_tokens=CONTEXT_TOKENS),
        ),
        optimizer=OptimizerConfig(lr=3e-4, warmup_steps=100, weight_decay=1e-5, final_share=0),
        checkpoint_every=150,
        pictures_every=300,
    )
