"""Activity: which patches of an input have events enough to be taught, in both forms in use.

Source: "Scaling Dense Event-Stream Pretraining from Visual Foundation Models" (ScaleEvent),
arXiv 2603.03969: the paper thresholds voxels, its public code looks for pixels that are not white.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from events.representations.eight_bit import SLACK, quantize_reference
from events.representations.resample import Interpolation, make_taps, taps_matrix

DENSITY_THRESHOLD = 64.0
"""tau of the paper: of voxels summed over a patch of 16 x 16."""
FIRST_STEP = 4
"""The code shrinks its rendering by 4 first, then to one pixel for each patch."""


def density_activity(
    voxels: npt.NDArray[np.floating[Any]],
    *,
    patch_size: int = 16,
    threshold: float = DENSITY_THRESHOLD,
) -> npt.NDArray[np.bool_]:
    """Return where the voxels' magnitudes sum to at least ``threshold``: the paper's form.

    Args:
        voxels: (C, H, W) signed voxels or counts, not normalised, of the network's input.
        patch_size: In cells; divides H and W.
        threshold: Of a patch; reached too where only rounding noise of the voxels is missing.

    Returns:
        (H / patch_size, W / patch_size).
    """
    height, width = num_patches(voxels.shape, patch_size)
    cells = np.abs(voxels).reshape(len(voxels), height, patch_size, width, patch_size)
    active: npt.NDArray[np.bool_] = cells.sum(axis=(0, 2, 4), dtype=np.float64) >= threshold - SLACK
    return active


def rendered_activity(
    image: npt.NDArray[np.floating[Any]], *, patch_size: int = 16, is_antialiased: bool = True
) -> npt.NDArray[np.bool_]:
    """Return where a rendering on white is not pure white: the public code's form.

    The image is shrunk by 4 and then to one pixel for each patch, bilinear and in 8 bits; a patch
    is active where the sum of its three colours is below 3 x 255.

    Args:
        image: (3, H, W) in [0, 1], 1 without events, of the network's input.
        patch_size: In cells; divides H and W.
        is_antialiased: Whether every pixel counts, as Pillow shrinks: the default, for then even
            one pixel can make its patch active (in the middle; at the rim it takes a few to come
            through the 8 bits). Else a few pixels of each patch are looked at, as OpenCV shrinks.

    Returns:
        (H / patch_size, W / patch_size).
    """
    height, width = num_patches(image.shape, patch_size)
    size = (image.shape[1] // FIRST_STEP, image.shape[2] // FIRST_STEP)
    pixels = image.astype(np.float64)
    interpolation: Interpolation = "bilinear_antialias" if is_antialiased else "bilinear"
    for rows, columns in (size, (height, width)):
        sides = zip((rows, columns), pixels.shape[1:], strict=True)
        down, across = (
            taps_matrix(make_taps(side, num, side / num, interpolation), side)
            for num, side in sides
        )
        pixels = quantize_reference(down @ pixels @ across.T, "round")
    active: npt.NDArray[np.bool_] = np.rint(255 * pixels).sum(axis=0) < 3 * 255
    return active


def num_patches(shape: tuple[int, ...], patch_size: int) -> tuple[int, int]:
    """Return rows and columns of patches in (..., H, W).

    Raises:
        ValueError: ``patch_size`` does not divide H and W.
    """
    height, width = shape[-2:]
    if height % patch_size or width % patch_size:
        raise ValueError(
            f"patches of {patch_size} must divide the input, got height {height}, width {width}"
        )
    return height // patch_size, width // patch_size
