"""Two steps of every method that learns from windows: the program of test_distributed_methods.py.

What processes draw on their own (masks, flips) is turned off, so that their number cannot matter.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch
from tiny_teachers import clip_teacher, dinov3_teacher

from events.representations.count_map import CountMapSpec
from events.representations.voxel_grid import VoxelGridSpec
from events.representations.voxel_image import VoxelImageSpec
from events.simulate.kinds import KINDS
from models.encoders import clip_vision, dinov3, vit
from models.encoders.encoder import EncoderConfig
from models.reconstruction import DecoderConfig
from models.temporal import causal_transformer
from training.augmentation import ViewConfig
from training.data import mixture, streams, token_stream
from training.data.feed import DataConfig
from training.distributed import joined
from training.loop import train
from training.methods import (
    clip_event,
    eventpretrain,
    finetune,
    finetune_stream,
    gep_align,
    gep_generate,
    saccade,
    scaleevent,
)
from training.methods.method import MODEL_FILE, MethodConfig
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage
from training.run_folder import open_run_folder

SIZE, TOKENS = 32, 24
STILL = ViewConfig(min_area=1.0, flip=0.0, time_flip=0.0)
WINDOWS = mixture.Config(with_images=True)
STREAM = token_stream.Config(
    sequences={"synthetic": 2}, num_windows=2, window_tokens=TOKENS, tokens="online"
)
DINO = dinov3.Config(
    width=16, depth=4, num_attention_heads=2, patch_size=8, mlp_width=32, num_registers=2
)
CLIP = clip_vision.Config(
    width=16, depth=2, num_attention_heads=2, patch_size=8, mlp_width=32, image_size=SIZE,
    embedding_width=12,
)  # fmt: skip
PLAIN = vit.Config(width=32, depth=4, num_attention_heads=2, patch_size=8)
SIGNED = VoxelGridSpec(num_bins=5, polarity="signed", placement="closed")


def write_teachers(folder: Path) -> tuple[str, str]:
    """Write a tiny image teacher and a tiny image-text teacher; return their folders."""
    image, text = folder / "image", folder / "text"
    dinov3_teacher(image)
    clip_teacher(text, ["a", "photo", "of", *KINDS])
    return str(image), str(text)


def recipes(teachers: Path, runs: Path, batch_size: int) -> list[Recipe]:
    """Return a run of each method, whose teachers lie in ``teachers``."""
    image, text = str(teachers / "image"), str(teachers / "text")
    structure = scaleevent.Config(teacher=image, trained="all", mask="none")
    plain = Recipe(
        name="finetune",
        stages=(Stage(steps=2, height=SIZE, width=SIZE, batch_size=batch_size),),
        data=WINDOWS,
        method=finetune.Config(),
        encoder=PLAIN,
        optimizer=OptimizerConfig(lr=1e-3, warmup_steps=0),
        precision="fp32",
        num_workers=0,
        log_every=1,
    )

    def of(
        name: str, method: MethodConfig, encoder: EncoderConfig, data: DataConfig = WINDOWS
    ) -> Recipe:
        return replace(plain, name=name, method=method, encoder=encoder, data=data)

    masked = eventpretrain.Config(
        view=STILL, mask="density", visible_weight=1.0, decoder=DecoderConfig(width=16, depth=1)
    )
    contrast = replace(masked, teacher=image, hidden_width=16, queue_length=8)
    temporal = causal_transformer.Config(depth=2, head_width=8, context_tokens=TOKENS)
    published = [
        plain,
        of("finetune_stream", finetune_stream.Config(), PLAIN, streams.Config(num_windows=2)),
        of("gep_align", gep_align.Config(teacher=image, gradient_ratio=0), DINO),
        replace(
            of("gep_generate", gep_generate.Config(teacher=image, temporal=temporal), DINO, STREAM),
            initial=str(runs / "gep_align" / MODEL_FILE),
        ),
        of("scaleevent", structure, DINO),
        of("saccade", saccade.Config(structure=structure, text_teacher=text), DINO),
        replace(
            of("clip_event", clip_event.Config(teacher=text), replace(CLIP, initial=text)),
            spec=CountMapSpec(),
        ),
        of("eventpretrain_1", masked, PLAIN),
        of("eventpretrain_2", replace(contrast, stage="transition"), PLAIN),
        of("eventpretrain_3", replace(contrast, stage="focus", negatives="batch"), PLAIN),
    ]
    specs = {"scaleevent": VoxelImageSpec()}
    return [
        replace(each, spec=SIGNED if "pretrain" in each.name else specs.get(each.name, each.spec))
        for each in published
    ]


def main() -> None:
    runs, teachers, batch_size = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    with joined(torch.device("cpu")) as world:
        for recipe in recipes(teachers, runs, batch_size):
            held = open_run_folder(runs / recipe.name, recipe, world, "refuse")
            train(recipe, held, world, report=lambda progress: None)


if __name__ == "__main__":
    main()
