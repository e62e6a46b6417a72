"""Views of a batch: the same random crop and flips for events and all that belongs to them.

Source: EventPretrain (arXiv 2508.05507), its release's view augmentation.
"""

# B batch, K attempts

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from training.shared_draws import shared_rand

NUM_ATTEMPTS = 10
"""Crops drawn for a sample until one fits; else it is left whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewConfig:
    """How much of a sample a view shows, and how often it is turned."""

    min_area: float = 0.8
    """Least share of the input's area that is cropped; 1 crops nothing."""
    aspect_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Range of a crop's width over height, as a factor on the input's."""
    flip: float = 0.5
    """Chance to be mirrored left to right."""
    time_flip: float = 0.5
    """Chance to run backwards: bins reversed and negated, and so differences of pictures. Only
    signed grids whose planes lie symmetrically in the window can be reversed."""

    def __post_init__(self) -> None:
        if not 0 < self.min_area <= 1:
            raise ValueError(f"view.min_area must lie in (0, 1], got {self.min_area}")
        if not 0 < self.aspect_ratio[0] <= self.aspect_ratio[1]:
            raise ValueError(f"view.aspect_ratio must rise from above 0, got {self.aspect_ratio}")
        for name in ("flip", "time_flip"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"view.{name} must lie in [0, 1], got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """One view for each sample of a batch."""

    where: Tensor
    """(B, 2, 3) from a view's coordinates to the input's, both from -1 to 1 over the edges."""
    is_reversed: Tensor
    """(B,) bool: time runs backwards."""

    def to(self, device: torch.device) -> Views:
        """Return the views on ``device``."""
        return replace(self, where=self.where.to(device), is_reversed=self.is_reversed.to(device))

    def see(self, maps: Tensor, mode: Literal["nearest", "bilinear", "bicubic"]) -> Tensor:
        """Return (B, C, H, W) float maps as their views show them, at the same size."""
        grid = affine_grid(self.where, list(maps.shape), align_corners=False)
        return grid_sample(maps.float(), grid, mode, "border", align_corners=False)

    def events(self, voxels: Tensor) -> Tensor:
        """Return the views of (B, T, H, W) signed voxels: moved, and reversed in time.

        The nearest voxel is taken, so that noise stays as sparse as it is.
        """
        seen = self.see(voxels, "nearest")
        return torch.where(self.is_reversed[:, None, None, None], -seen.flip(1), seen)

    def difference(self, images: Tensor) -> Tensor:
        """Return the views of (B, C, H, W) differences of pictures, negated where reversed."""
        seen = self.see(images, "bicubic")
        return torch.where(self.is_reversed[:, None, None, None], -seen, seen)

    def end_pictures(self, images: Tensor, previous: Tensor) -> Tensor:
        """Return the views of the pictures at each window's end, in [0, 1].

        A window that runs backwards ends with the picture at its start.

        Args:
            images: (B, 3, H, W) uint8 at the end.
            previous: (B, 3, H, W) uint8 at the start.
        """
        last = torch.where(self.is_reversed[:, None, None, None], previous, images)
        return self.see(last, "bilinear") / 255


def draw_views(config: ViewConfig, num_samples: int, height: int, width: int) -> Views:
    """Draw a view of each sample from the random numbers that all processes share."""
    left, top, crop_width, crop_height = _draw_crops(config, num_samples, height, width)
    sign = 1 - 2 * (shared_rand(num_samples) < config.flip).float()
    where = torch.zeros(num_samples, 2, 3)
    where[:, 0, 0] = sign * crop_width / width
    where[:, 1, 1] = crop_height / height
    where[:, 0, 2] = (2 * left + crop_width) / width - 1
    where[:, 1, 2] = (2 * top + crop_height) / height - 1
    return Views(where, shared_rand(num_samples) < config.time_flip)


def _draw_crops(
    config: ViewConfig, num_samples: int, height: int, width: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return left, top, width and height of each crop in whole pixels, (B,) float."""
    area_BK, aspect_BK, swap_BK, x_BK, y_BK = shared_rand(5, num_samples, NUM_ATTEMPTS, batch_dim=1)
    area_BK = (config.min_area + (1 - config.min_area) * area_BK) * height * width
    least, most = config.aspect_ratio
    aspect_BK = width / height * (least + (most - least) * aspect_BK)
    width_BK = (area_BK * aspect_BK).sqrt().round()
    height_BK = (area_BK / aspect_BK).sqrt().round()
    is_swapped = swap_BK < 0.5
    width_BK, height_BK = (
        torch.where(is_swapped, height_BK, width_BK),
        torch.where(is_swapped, width_BK, height_BK),
    )
    fits_BK = (width_BK < width) & (height_BK < height)
    first_B1 = fits_BK.int().argmax(1, keepdim=True)
    fits_B = fits_BK.gather(1, first_B1)[:, 0]
    crop_width = torch.where(fits_B, width_BK.gather(1, first_B1)[:, 0], torch.tensor(float(width)))
    crop_height = torch.where(
        fits_B, height_BK.gather(1, first_B1)[:, 0], torch.tensor(float(height))
    )
    left = (x_BK.gather(1, first_B1)[:, 0] * (width - crop_width)).floor()
    top = (y_BK.gather(1, first_B1)[:, 0] * (height - crop_height)).floor()
    return left, top, crop_width, crop_height
