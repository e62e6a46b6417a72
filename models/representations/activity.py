"""The torch twin of ``events.representations.activity``: masks of a batch of inputs."""

# B batch, C channels, H height, W width

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from events.representations.activity import DENSITY_THRESHOLD, FIRST_STEP, num_patches
from events.representations.eight_bit import SLACK
from models.representations.eight_bit import quantized


def density_activity(
    voxels_BCHW: Tensor, *, patch_size: int = 16, threshold: float = DENSITY_THRESHOLD
) -> Tensor:
    """Return (B, H / patch_size, W / patch_size) bool: where magnitudes sum to ``threshold``.

    ScaleEvent's paper, with a threshold of 64 for signed voxels of a patch of 16 x 16.

    Args:
        voxels_BCHW: Signed voxels or counts, not normalised.
        patch_size: In cells; divides H and W.
        threshold: Of a patch.
    """
    height, width = num_patches(tuple(voxels_BCHW.shape), patch_size)
    magnitudes = voxels_BCHW.float().abs().sum(1)
    cells = magnitudes.view(-1, height, patch_size, width, patch_size)
    density: Tensor = cells.sum((2, 4))
    return density >= threshold - SLACK


def rendered_activity(
    image_B3HW: Tensor, *, patch_size: int = 16, is_antialiased: bool = True
) -> Tensor:
    """Return (B, H / patch_size, W / patch_size) bool: where a rendering is not pure white.

    ScaleEvent's public code; see ``events.representations.activity`` for the choice.

    Args:
        image_B3HW: In [0, 1], 1 without events.
        patch_size: In cells; divides H and W.
        is_antialiased: Whether every pixel of a patch counts.
    """
    height, width = image_B3HW.shape[-2:]
    pixels = image_B3HW.float()
    first = (height // FIRST_STEP, width // FIRST_STEP)
    for size in (first, num_patches((height, width), patch_size)):
        shrunk = functional.interpolate(
            pixels, size=size, mode="bilinear", antialias=is_antialiased
        )
        pixels = quantized(shrunk, "round")
    return (255 * pixels).round().sum(1) < 3 * 255


def white_rendering(counts_BHW: Tensor) -> Tensor:
    """Return (B, 3, H, W) float32 in [0, 1]: red where there are events, else white.

    Their polarity, and so the colour, does not matter to ``rendered_activity``.
    """
    quiet = (counts_BHW == 0).float()
    return torch.stack([torch.ones_like(quiet), quiet, quiet], dim=1)
