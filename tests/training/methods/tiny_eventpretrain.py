"""EventPretrain's methods made small, with a batch and a teacher of random numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from tiny_runs import learn, pair_batch
from torch import Tensor

from events.representations.voxel_grid import VoxelGridSpec
from models.card import ModelCard
from models.encoders import vit
from models.encoders.encoder import Tokens
from models.perception import Perception, describe_encoder
from models.reconstruction import DecoderConfig
from models.teachers.teacher import Teacher
from training.augmentation import ViewConfig
from training.data.batch import Batch
from training.methods.eventpretrain import Config, DifferenceModelling, TokenContrast
from training.methods.method import Method

ENCODER = vit.Config(width=32, depth=4, num_attention_heads=4, patch_size=8)
SIZE, SAMPLES = 16, 8
AS_IT_IS = ViewConfig(min_area=1, flip=0, time_flip=0)
TINY = Config(
    decoder=DecoderConfig(width=32, depth=1, num_attention_heads=4),
    hidden_width=48,
    queue_length=24,
)


class SmallTeacher(Teacher):
    """A frozen vision transformer of random weights, which notes what it was shown."""

    name, width, patch_stride, fingerprint = "small", 16, 8, "small"

    def __init__(self) -> None:
        torch.manual_seed(7)
        self.network = vit.Config(width=16, depth=4, num_attention_heads=2, patch_size=8).build(3)
        self.shown: list[Tensor] = []

    @torch.no_grad()
    def tokens(self, images_B3HW: Tensor) -> Tokens:
        self.shown.append(images_B3HW)
        return self.network.tokens(images_B3HW)


def make_batch(size: int = SIZE, num_samples: int = SAMPLES) -> Batch:
    generator = torch.Generator().manual_seed(3)
    shape = (num_samples, 3, size, size)
    events = torch.randn(num_samples, 5, size, size, generator=generator)
    images, previous = (
        torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8) for _ in range(2)
    )
    return pair_batch(events, images, previous, torch.zeros(num_samples, dtype=torch.int64))


def make_method(stage: str, **changes: Any) -> Method:
    torch.manual_seed(0)
    config = replace(TINY, stage=stage, **changes)
    card = ModelCard(
        name="tiny",
        spec=VoxelGridSpec(placement="closed"),
        window_us=50_000,
        stride_us=20_000,
        input_height=SIZE,
        input_width=SIZE,
        tasks=(),
        encoder=describe_encoder(ENCODER),
    )
    module = Perception(card)
    if stage == "reconstruction":
        return DifferenceModelling(config, module, card)
    return TokenContrast(config, module, card, SmallTeacher())


def train(method: Method, num_steps: int, lr: float) -> list[float]:
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr)
    return learn(method, make_batch(), optimizer, num_steps)
