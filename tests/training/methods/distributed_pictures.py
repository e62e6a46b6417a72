"""What learns from pictures, on random ones: a part of the program distributed_methods.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from picture_batches import SIZE, picture_batch
from torch.utils.data import Dataset

from models.teachers.preprocessing import CLIP, Preprocessing
from training.data.feed import DataConfig, Feed
from training.data.pictures import PictureBatch
from training.methods import image_teacher, image_text_teacher
from training.methods.method import Method, MethodConfig
from training.prompts import TEMPLATES, small_tokenizer
from training.recipe import Recipe, Stage

NAMES = [f"{colour} {what}" for colour in ("red", "blue") for what in ("cat", "dog", "fish")]
NAMES += [f"thing number {i}" for i in range(1000 - len(NAMES))]
SEGMENTS = ["sky", "road", "car"]
WHOLE = picture_batch(num=12, num_classes=4)


class Numbers(Dataset[int]):
    def __getitem__(self, i: int) -> int:
        return i


class Pictures(Feed):
    """Sample i is picture i of one batch: half of them without labels of pixels."""

    names = ("random",)

    def samples(self, stage: Stage) -> Dataset[Any]:
        return Numbers()

    def collate(self, samples: Sequence[int]) -> PictureBatch:
        rows = list(samples)
        return replace(
            WHOLE,
            views=tuple(view[rows] for view in WHOLE.views),
            labels=WHOLE.labels[rows],
            class_ids=WHOLE.class_ids[rows],
            features=WHOLE.features[rows],
            logits=WHOLE.logits[rows],
            names=tuple(WHOLE.names[row] for row in rows),
        )


@dataclass(frozen=True, kw_only=True)
class Data(DataConfig):
    def build(self, recipe: Recipe) -> Feed:
        return Pictures()


@dataclass(frozen=True, kw_only=True)
class ImageTeacher(MethodConfig):
    def build(self, recipe: Recipe, feed: Feed) -> Method:
        config = image_teacher.Config(
            width=24, depth=2, num_heads=2, num_registers=2, num_prototypes=32
        )
        network = image_teacher.vision_transformer(config, SIZE)
        return image_teacher.ImageTeacher(config, network, 4, len(SEGMENTS), SIZE)


@dataclass(frozen=True, kw_only=True)
class ImageTextTeacher(MethodConfig):
    def build(self, recipe: Recipe, feed: Feed) -> Method:
        config = image_text_teacher.Config(
            width=24, depth=2, num_heads=2, text_width=16, text_depth=1, embedding_width=12,
            names_per_step=16,
        )  # fmt: skip
        prompts = [each.format(label=name) for each in TEMPLATES for name in NAMES + SEGMENTS]
        tokenizer = small_tokenizer(prompts, 400)
        model = image_text_teacher.clip_model(config, SIZE, tokenizer)
        preprocessing = Preprocessing(*CLIP, size=SIZE)
        return image_text_teacher.ImageTextTeacher(
            config, model, tokenizer, preprocessing, NAMES, SEGMENTS
        )
