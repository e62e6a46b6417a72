"""Batches of random pictures with everything that image teachers learn from."""

from __future__ import annotations

import torch

from training.data.pictures import PictureBatch

SIZE = 32


def picture_batch(
    num: int = 8, num_classes: int = 4, num_segments: int = 3, seed: int = 0
) -> PictureBatch:
    """Return pictures of 32x32, two of them without a label; half have labels of pixels."""
    generator = torch.Generator().manual_seed(seed)

    def integers(high: int, *shape: int) -> torch.Tensor:
        return torch.randint(high, shape, generator=generator)

    labels = integers(num_classes, num)
    labels[:2] = -1
    class_ids = integers(num_segments, num, 4, 4).repeat_interleave(8, 1).repeat_interleave(8, 2)
    class_ids[num // 2 :] = 255
    return PictureBatch(
        views=tuple(integers(256, num, 3, SIZE, SIZE).byte() for _ in range(2)),
        labels=labels,
        class_ids=class_ids.byte(),
        features=torch.randn(num, 320, 7, 7, generator=generator).half(),
        logits=torch.randn(num, 1000, generator=generator) * 3,
        names=tuple(f"random/{i}" for i in range(num)),
    )
