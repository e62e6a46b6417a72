"""The CLIP event encoder (arXiv 2412.03093): a small CLIP's image tower learns to read events."""

from __future__ import annotations

from events.representations.count_map import CountMapSpec
from models.encoders import clip_vision
from training.data import mixture
from training.data.window_transforms import PUBLISHED_CLIP_EVENT
from training.methods import clip_event
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage

TEACHER = "out/image_text_teacher/teacher"


def recipe() -> Recipe:
    """Return a run of a quarter of an hour on one core, after ``image_text_teacher``.

    As published: count maps, a student that starts as its teacher's image tower, the release's
    augmentation, classes kept unseen to measure zero-shot on, AdamW with decay 0.03, a cosine to 0
    after a fifth of warm-up. Smaller than published (in brackets): pictures of 64x64 (224x224),
    batches of 64 (32 for each GPU), 400 steps (200 epochs of N-ImageNet's 100 classes), and for so
    few steps a rate of 3e-4 (1e-6 for each 256 windows of the batch of all GPUs), a tenth of
    warm-up. Three fields suit the small teacher: it is shown colours (grey), of which it makes more
    than of grey; s starts at 1 (1 / 0.07) and L_zs weighs 0.01 (0.1), for its embeddings are longer
    and farther apart than CLIP's, so that L_zs would outweigh all else. With the public teacher:

        saccade train clip_event --method.teacher openai/clip-vit-base-patch32
            --encoder.initial openai/clip-vit-base-patch32
            --encoder.width 768 --encoder.depth 12 --encoder.num-attention-heads 12
            --encoder.patch-size 32 --encoder.mlp-width 3072 --encoder.image-size 224
            --encoder.embedding-width 512 --spec.num-events 30000
            --method.picture grey --method.initial-scale 14.3 --method.weights.L-zs 0.1
            --stages.0.height 224 --stages.0.width 224 --stages.0.batch-size 32
            --stages.0.steps 500000 --optimizer.lr 1e-6 --optimizer.warmup-steps 100000
    """
    return Recipe(
        name="clip-event",
        stages=(Stage(steps=400, height=64, width=64, batch_size=64),),
        spec=CountMapSpec(),
        data=mixture.Config(
            shares={"tiny_imagenet_seen": 1.0},
            with_images=True,
            events_transform=PUBLISHED_CLIP_EVENT,
        ),
        encoder=clip_vision.Config(
            width=192,
            depth=6,
            num_attention_heads=3,
            patch_size=8,
            mlp_width=768,
            image_size=64,
            embedding_width=128,
            initial=TEACHER,
        ),
        method=clip_event.Config(
            teacher=TEACHER,
            picture="colour",
            initial_scale=1.0,
            weights={"L_ct": 1.0, "L_zs": 0.01, "L_kl": 1.0, "L_pred": 0.0},
        ),
        optimizer=OptimizerConfig(lr=3e-4, warmup_steps=40, weight_decay=0.03, final_share=0),
        ema_decay=0.98,
        checkpoint_every=100,
    )
