"""Steps of every method with its own defaults: the program of test_distributed_methods.py.

Augmentation, masks and balance are as they are by default. One thing alone is turned off: dropout
in finetune's recognition head, which each process draws inside a layer, for its own samples: what
N processes drop is not what one would drop of the N-fold batch.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import distributed_pictures as pictures
import torch
from dataset_layouts import LAYOUTS
from tiny_teachers import clip_teacher, dinov3_teacher

from events.representations.count_map import CountMapSpec
from events.representations.voxel_grid import VoxelGridSpec
from events.representations.voxel_image import VoxelImageSpec
from events.simulate.kinds import KINDS
from models.encoders import clip_vision, dinov3, hybrid, vit
from models.encoders.encoder import EncoderConfig
from models.reconstruction import DecoderConfig
from models.temporal import causal_transformer
from training.data import features, mixture, token_stream
from training.data.feed import DataConfig, Feed
from training.distributed import World, joined
from training.loop import train
from training.methods import (
    clip_event,
    eventpretrain,
    finetune,
    gep_align,
    gep_generate,
    saccade,
    scaleevent,
)
from training.methods.method import MODEL_FILE, Method, MethodConfig
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage
from training.run_folder import START_FOLDER, open_run_folder

SIZE, TOKENS = 32, 24
WINDOWS = mixture.Config(with_images=True)
STREAM = token_stream.Config(sequences={"synthetic": 2}, num_windows=2, window_tokens=TOKENS)
MADE_BY = "made-by"
"""Says in a run's folder which processes computed what is cached."""
DINO = dinov3.Config(
    width=16, depth=4, num_attention_heads=2, patch_size=8, mlp_width=32, num_registers=2
)
CLIP = clip_vision.Config(
    width=16, depth=2, num_attention_heads=2, patch_size=8, mlp_width=32, image_size=SIZE,
    embedding_width=12,
)  # fmt: skip
PLAIN = vit.Config(width=32, depth=4, num_attention_heads=2, patch_size=8)
HYBRID = hybrid.Config(
    widths=(8, 8, 8, 16), depths=(1, 1, 1, 1), stem_width=8, num_attention_heads=2
)
SIGNED = VoxelGridSpec(num_bins=5, polarity="signed", placement="closed")


@dataclass(frozen=True, kw_only=True)
class Undropped(finetune.Config):
    """Finetune without dropout."""

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        method: Any = super().build(recipe, feed)
        method.module.heads["recognition"].dropout.p = 0.0
        return method  # type: ignore[no-any-return]


def write_teachers(folder: Path) -> None:
    """Write a tiny image teacher, a tiny image-text teacher and a tiny data set of film."""
    dinov3_teacher(folder / "image")
    clip_teacher(folder / "text", ["a", "photo", "of", *KINDS])
    LAYOUTS["video"].write(folder)


def recipes(teachers: Path, runs: Path, batch_size: int) -> list[Recipe]:
    """Return a run of each method, whose teachers lie in ``teachers``."""
    image, text = str(teachers / "image"), str(teachers / "text")
    mixed = replace(WINDOWS, shares={"synthetic": 0.5, "video": 0.5}, root=teachers, draw="batch")
    plain = Recipe(
        name="finetune",
        stages=(Stage(steps=3, height=SIZE, width=SIZE, batch_size=batch_size),),
        data=WINDOWS,
        method=Undropped(),
        encoder=HYBRID,
        optimizer=OptimizerConfig(lr=1e-3, warmup_steps=0),
        precision="fp32",
        num_workers=0,
        log_every=1,
    )

    def of(
        name: str, method: MethodConfig, encoder: EncoderConfig, data: DataConfig = WINDOWS
    ) -> Recipe:
        return replace(plain, name=name, method=method, encoder=encoder, data=data)

    masked = eventpretrain.Config(decoder=DecoderConfig(width=16, depth=1))
    contrast = replace(masked, teacher=image, hidden_width=16, queue_length=8)
    temporal = causal_transformer.Config(depth=2, head_width=8, context_tokens=TOKENS)
    published = [
        plain,
        of("gep_align", gep_align.Config(teacher=image), DINO, mixed),
        replace(
            of("gep_generate", gep_generate.Config(teacher=image, temporal=temporal), DINO, STREAM),
            initial=str(runs / "gep_align" / START_FOLDER / MODEL_FILE),
        ),
        of("scaleevent", scaleevent.Config(teacher=image), DINO),
        of(
            "saccade",
            saccade.Config(
                structure=scaleevent.Config(teacher=image, trained="all"), text_teacher=text
            ),
            DINO,
        ),
        replace(
            of("clip_event", clip_event.Config(teacher=text), replace(CLIP, initial=text)),
            spec=CountMapSpec(),
        ),
        of("eventpretrain_1", masked, PLAIN),
        of("eventpretrain_2", replace(contrast, stage="transition"), PLAIN),
        of("eventpretrain_3", replace(contrast, stage="focus"), PLAIN),
        of("eventpretrain_batch", replace(contrast, stage="focus", negatives="batch"), PLAIN),
        of("image_teacher", pictures.ImageTeacher(), PLAIN, pictures.Data()),
        of("image_text_teacher", pictures.ImageTextTeacher(), PLAIN, pictures.Data()),
    ]
    specs = {"scaleevent": VoxelImageSpec()}
    return [
        replace(each, spec=SIGNED if "pretrain" in each.name else specs.get(each.name, each.spec))
        for each in published
    ]


def note_who_computes(path: Path, world: World) -> None:
    """Let every shard of a cache name in ``path`` the process that wrote it."""
    write = features.FeatureCache._write

    def noted(cache: features.FeatureCache, *args: Any) -> None:
        with path.open("a") as file:
            file.write(f"{world.rank}\n")
        write(cache, *args)

    features.FeatureCache._write = noted  # type: ignore[method-assign]


def main() -> None:
    runs, teachers, batch_size = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    with joined(torch.device("cpu")) as world:
        note_who_computes(runs / MADE_BY, world)
        for recipe in recipes(teachers, runs, batch_size):
            held = open_run_folder(runs / recipe.name, recipe, world, "refuse")
            train(recipe, held, world, report=lambda progress: None)


if __name__ == "__main__":
    main()
