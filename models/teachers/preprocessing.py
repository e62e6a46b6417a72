"""How a teacher wants its pictures: size, mean and spread, as in ``preprocessor_config.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Means and spreads of the channels that the public models were trained with."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Normalisation of RGB in [0, 1], and the side of the square the model was trained at."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: int

    def normalized(self, images_B3HW: Tensor) -> Tensor:
        """Return float32 pictures with the mean taken away and divided by the spread.

        Args:
            images_B3HW: RGB, uint8 or float in [0, 1].
        """
        device = images_B3HW.device
        mean = torch.tensor(self.mean, device=device)[:, None, None]
        std = torch.tensor(self.std, device=device)[:, None, None]
        if images_B3HW.dtype == torch.uint8:
            return (images_B3HW.float() / 255 - mean) / std
        return (images_B3HW.float() - mean) / std

    def squared(self, image_3HW: Tensor, multiple: int = 1) -> Tensor:
        """Return the middle square of a picture at the model's own size, float in [0, 1].

        Args:
            image_3HW: RGB of any size, uint8 or float in [0, 1].
            multiple: What the side must be a multiple of; it is rounded down to one.
        """
        side = max(self.size // multiple, 1) * multiple
        scale = 255 if image_3HW.dtype == torch.uint8 else 1
        height, width = image_3HW.shape[1:]
        short = min(height, width)
        top, left = (height - short) // 2, (width - short) // 2
        square = image_3HW[:, top : top + short, left : left + short].float() / scale
        resized = torch.nn.functional.interpolate(
            square[None], (side, side), mode="bicubic", antialias=True
        )
        return resized[0].clamp(0, 1)

    def to_json(self) -> dict[str, Any]:
        """Return the content of a ``preprocessor_config.json``."""
        return {
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
            "rescale_factor": 1 / 255,
            "size": {"height": self.size, "width": self.size},
        }


def read_preprocessing(path: Path | None, default: Preprocessing) -> Preprocessing:
    """Return what a ``preprocessor_config.json`` says, and ``default`` where it says nothing.

    Raises:
        ValueError: the file is damaged.
    """
    if path is None:
        return default
    try:
        said = json.loads(path.read_text())
        mean = said.get("image_mean", default.mean)
        std = said.get("image_std", default.std)
        red, green, blue = (float(value) for value in mean)
        spread_red, spread_green, spread_blue = (float(value) for value in std)
        size = _side(said.get("crop_size") or said.get("size")) or default.size
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no preprocessor's settings: {error}") from None
    return Preprocessing((red, green, blue), (spread_red, spread_green, spread_blue), size)


def _side(size: Any) -> int | None:
    """Return the side that transformers writes as a number or by one of several names."""
    if isinstance(size, dict):
        sides = [size[name] for name in ("height", "shortest_edge") if name in size]
        return int(sides[0]) if sides else None
    return int(size) if size is not None else None
