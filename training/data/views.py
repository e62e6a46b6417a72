"""Random views of a still picture: crop, flip, colours; all decided by a random generator.

The crop is that of Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, the colours are
those of Chen et al., "SimCLR", arXiv 2002.05709, without blur, which small pictures have already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from training.grey import LUMA


class Crop(NamedTuple):
    """A part of a picture, in shares of its height and width."""

    top: float
    left: float
    bottom: float
    right: float
    is_flipped: bool = False

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom in pixels, as PIL takes them."""
        return self.left * width, self.top * height, self.right * width, self.bottom * height

    def points(self, size: int) -> npt.NDArray[np.float32]:
        """Return the (size, size, 2) middles of a grid of cells over the crop: x, y in [-1, 1]."""
        middles = (np.arange(size, dtype=np.float32) + 0.5) / size
        x = self.left + (self.right - self.left) * (middles[::-1] if self.is_flipped else middles)
        y = self.top + (self.bottom - self.top) * middles
        grid = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)
        return (grid * 2 - 1).astype(np.float32)


WHOLE = Crop(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewConfig:
    """How much a view differs from the picture."""

    area: tuple[float, float] = (0.3, 1.0)
    """Share of the picture in the crop."""
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    """Range of a crop's width over height."""
    flip: float = 0.5
    """Probability."""
    brightness: float = 0.4
    """Largest relative change."""
    contrast: float = 0.4
    """Largest relative change."""
    saturation: float = 0.2
    """Largest relative change."""
    greyscale: float = 0.1
    """Probability."""

    def __post_init__(self) -> None:
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise ValueError(f"view.area must rise within (0, 1], got {self.area}")

    def crop(self, rng: np.random.Generator) -> Crop:
        """Draw a crop; one that would not fit takes the whole side."""
        area = rng.uniform(*self.area)
        ratio = float(np.exp(rng.uniform(*np.log(self.aspect))))
        height = min((area / ratio) ** 0.5, 1.0)
        width = min((area * ratio) ** 0.5, 1.0)
        top, left = rng.uniform(0, 1 - height), rng.uniform(0, 1 - width)
        return Crop(top, left, top + height, left + width, bool(rng.random() < self.flip))

    def coloured(
        self, pixels: npt.NDArray[np.uint8], rng: np.random.Generator
    ) -> npt.NDArray[np.uint8]:
        """Return (H, W, 3) pixels with other brightness, contrast and saturation."""
        low = 1 - np.array([self.brightness, self.contrast, self.saturation])
        bright, contrast, colour = rng.uniform(low, 2 - low).astype(np.float32)
        if rng.random() < self.greyscale:
            colour = np.float32(0)
        values = pixels.astype(np.float32) * bright
        grey = values @ np.array(LUMA, np.float32)
        values = grey[..., None] + (values - grey[..., None]) * colour
        values = grey.mean() + (values - grey.mean()) * contrast
        clipped: npt.NDArray[np.uint8] = np.clip(values, 0, 255).astype(np.uint8)
        return clipped


def cut(picture: Image.Image, crop: Crop, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return the (height, width, 3) pixels of a crop."""
    box = crop.box(picture.width, picture.height)
    resized = picture.resize((width, height), Image.Resampling.BILINEAR, box=box)
    pixels = np.asarray(resized)
    return pixels[:, ::-1] if crop.is_flipped else pixels


def cut_labels(
    class_ids: npt.NDArray[np.uint8], crop: Crop, height: int, width: int
) -> npt.NDArray[np.uint8]:
    """Return the (height, width) labels at the middle of each cell of a crop."""
    box = crop.box(class_ids.shape[1], class_ids.shape[0])
    resized = Image.fromarray(class_ids).resize((width, height), Image.Resampling.NEAREST, box=box)
    labels = np.asarray(resized)
    return labels[:, ::-1] if crop.is_flipped else labels
