"""The CLIP event encoder (arXiv 2412.03093), fine-tuned on a few windows of each unseen class."""

from __future__ import annotations

from dataclasses import replace

from training.data import mixture
from training.data.window_transforms import PUBLISHED_CLIP_EVENT
from training.methods import clip_event as method
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage
from training.recipes import clip_event


def recipe() -> Recipe:
    """Return a run of two minutes on one core, after ``clip_event``; 5 pictures of each class.

    ``--data.shots 1`` and ``2`` are the other published numbers. As published: L_pred alone, as the
    release back-propagates it, AdamW with decay 0.03, a cosine to 0 after two fifths of warm-up, a
    batch of one window of each class for each shot (here one of each class, 40). Its 100 epochs of
    one batch are 100 steps; the rate is 2e-5 (5e-6 for each 256 windows of a batch). A picture is
    filmed anew each time it is drawn, where N-ImageNet has one recording of it.
    """
    pretraining = clip_event.recipe()
    return replace(
        pretraining,
        name="clip-event-few-shot",
        initial="out/clip_event/model.safetensors",
        encoder=replace(pretraining.encoder, initial=None),
        stages=(Stage(steps=100, height=64, width=64, batch_size=40),),
        data=mixture.Config(
            shares={"tiny_imagenet_unseen": 1.0},
            shots=5,
            with_images=True,
            events_transform=PUBLISHED_CLIP_EVENT,
        ),
        method=method.Config(teacher=clip_event.TEACHER, weights={"L_pred": 1.0}),
        optimizer=OptimizerConfig(lr=2e-5, warmup_steps=40, weight_decay=0.03, final_share=0),
        ema_decay=0.9,
        checkpoint_every=50,
    )
