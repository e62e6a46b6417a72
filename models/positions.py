"""Learned positions of a square grid of patches, at the size of another grid."""

# D width of a token, T tokens (class token and patches)

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

PositionMode = Literal["bicubic", "antialiased", "bilinear"]


def resized_positions(table_1TD: Tensor, height: int, width: int, mode: PositionMode) -> Tensor:
    """Return the (1, 1 + height * width, D) position embedding of another grid.

    Args:
        table_1TD: The class token's, then those of a square grid, row by row.
        height: Rows of patches.
        width: Columns of patches.
        mode: ``bicubic`` as transformers and DINOv2 do it, ``antialiased`` as DINOv2 does with
            registers, ``bilinear`` as the GEP release does: without antialiasing, and by the factor
            (size + 0.1) / table that the first DINO needed against rounding.
    """
    side = round((table_1TD.shape[1] - 1) ** 0.5)
    # An export that reaches this is one of any size: nothing may be decided by this one's.
    is_any_size = torch.compiler.is_exporting()
    if not is_any_size and (height, width) == (side, side):
        return table_1TD
    grid = table_1TD[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2).float()
    if is_any_size:
        resized = _resized_by_products(grid, height, width, mode)
    elif mode == "bilinear":
        factors = ((height + 0.1) / side, (width + 0.1) / side)
        resized = nn.functional.interpolate(grid, scale_factor=factors, mode="bilinear")
    else:
        resized = nn.functional.interpolate(
            grid, (height, width), mode="bicubic", antialias=mode == "antialiased"
        )
    patches = resized.flatten(2).transpose(1, 2).to(table_1TD.dtype)
    return torch.cat([table_1TD[:, :1], patches], dim=1)


def _resized_by_products(grid: Tensor, height: int, width: int, mode: PositionMode) -> Tensor:
    """Return a (1, D, side, side) grid as (1, D, height, width): what ``interpolate`` makes of it.

    No runtime but torch has its antialiased bicubic: two matrix products run on every one.
    """
    if mode == "bilinear":  # encoders of this mode say so beforehand: see Encoder.one_size_reason
        raise ValueError("bilinear positions are not interpolated at the table's own size")
    side = grid.shape[2]
    rows = cubic_weights(height, side, is_antialiased=mode == "antialiased")
    columns = cubic_weights(width, side, is_antialiased=mode == "antialiased")
    return rows @ grid @ columns.T


def cubic_weights(num_cells: int, side: int, *, is_antialiased: bool) -> Tensor:
    """Return the (num_cells, side) weights of torch's bicubic interpolation along one axis.

    Antialiased, the kernel widens with the step and its weights from outside the table are dropped;
    else they go to the table's edge. Either way a row sums to 1.

    Source: Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 1981,
    with a = -0.5 if antialiased and -0.75 if not.
    """
    step = side / num_cells
    centre = (torch.arange(num_cells) + 0.5) * step - 0.5
    if is_antialiased:
        distance = (torch.arange(side) - centre[:, None]) / torch.sym_max(step, 1.0)  # type: ignore[no-untyped-call]
        weights = _cubic(distance, -0.5)
        return weights / weights.sum(1, keepdim=True)
    margin = 2  # as far as the kernel reaches
    pixel = torch.arange(-margin, side + margin)
    weights = _cubic(pixel - centre[:, None], -0.75)
    to_edge = nn.functional.one_hot(pixel.clamp(0, side - 1), side).float()
    return weights @ to_edge


def _cubic(distance: Tensor, a: float) -> Tensor:
    """Return Keys' kernel, his eq. 4 with ``a`` in place of -1/2."""
    x = distance.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
