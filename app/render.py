"""Pictures of events and predictions: (H, W, 3) uint8 RGB, fast enough for every screen refresh."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.colormaps import NUM_COLORS, colormap
from app.render_kernels import (
    blend_classes,
    blend_picture,
    count_polarities,
    paint_counts,
    paint_depth,
    paint_surface,
)
from events.packet import EventPacket
from models.palette import UNLABELLED, Color, color_table
from models.results import Depth, Segmentation

Image = npt.NDArray[np.uint8]
"""(H, W, 3) RGB."""

VIEWS = ("surface", "accumulated", "voxel")
"""Event views: brightness decays with age, the window's events summed, the window cut into bins."""

MOSAIC_WIDTH = 1280
DEPTH_SHIFT = 14
"""Bits of a depth's float that its colour does not tell: what is left tells 0.2 % apart, where a
colour spans some 2 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventColors:
    """Colours of a picture of events."""

    background: Color = (14, 17, 22)
    on: Color = (91, 200, 255)
    off: Color = (255, 157, 92)

    @staticmethod
    def paper() -> EventColors:
        """Red and blue on white, as most papers print events."""
        return EventColors(background=(255, 255, 255), on=(196, 28, 36), off=(26, 72, 190))

    def ramps(self) -> npt.NDArray[np.uint8]:
        """(2, 256, 3): from the background to OFF (row 0) and to ON (row 1)."""
        return _ramps(self)


@functools.cache
def _ramps(colors: EventColors) -> npt.NDArray[np.uint8]:
    """Return ``colors.ramps()``, made once."""
    level = np.linspace(0, 1, NUM_COLORS)[:, None]
    ground = np.array(colors.background, np.float64)
    rows = [ground + (np.array(color) - ground) * level for color in (colors.off, colors.on)]
    return np.stack(rows).round().astype(np.uint8)


def surface_image(
    newest_us: npt.NDArray[np.int64],
    polarity: npt.NDArray[np.generic],
    now_us: int,
    *,
    decay_us: int = 50_000,
    colors: EventColors = EventColors(),
    out: Image | None = None,
) -> Image:
    """Return each pixel's newest event, its brightness decaying with age.

    Args:
        newest_us: (H, W) time of the newest event; a pixel whose time lies after ``now_us`` or more
            than 4 ``decay_us`` before it shows the background.
        polarity: (H, W), above 0 where that event was ON.
        now_us: Instant that is shown.
        decay_us: Age at which brightness has fallen to 1/e.
        colors: Colours to use.
        out: (H, W, 3) buffer to write into.
    """
    image = np.empty((*newest_us.shape, 3), np.uint8) if out is None else out
    paint_surface(newest_us, polarity, now_us, max(decay_us, 1), colors.ramps(), image)
    return image


def accumulated_image(
    packet: EventPacket,
    *,
    saturation: int = 4,
    colors: EventColors = EventColors(),
    out: Image | None = None,
) -> Image:
    """Return ON minus OFF counts of each pixel; ``saturation`` events are full brightness."""
    height, width = packet.sensor.height, packet.sensor.width
    counts = np.zeros((1, height, width), np.int16)
    count_polarities(packet.words, packet.start_us, 1.0, 1, counts)
    image = np.empty((height, width, 3), np.uint8) if out is None else out
    paint_counts(counts[0], saturation, colors.ramps(), image)
    return image


def voxel_image(
    packet: EventPacket,
    num_bins: int = 5,
    *,
    saturation: int = 3,
    colors: EventColors = EventColors(),
) -> Image:
    """Return the packet cut into ``num_bins`` equal spans, oldest first, as a mosaic of tiles.

    The mosaic has ceil(sqrt(num_bins)) columns, parted by two pixels of a line, and is about
    MOSAIC_WIDTH wide at most: tiles of a large sensor sum 2x2, 3x3... pixels into one.
    """
    num_columns = math.ceil(math.sqrt(num_bins))
    num_rows = math.ceil(num_bins / num_columns)
    merged = math.ceil(num_columns * packet.sensor.width / MOSAIC_WIDTH)
    height, width = -(-packet.sensor.height // merged), -(-packet.sensor.width // merged)
    counts = np.zeros((num_bins, height, width), np.int16)
    bins_per_us = num_bins / max(packet.duration_us, 1)
    count_polarities(packet.words, packet.start_us, bins_per_us, merged, counts)
    gap = 2
    shape = (num_rows * (height + gap) - gap, num_columns * (width + gap) - gap, 3)
    image = np.empty(shape, np.uint8)
    image[:] = (np.array(colors.background) * 0.8 + 128 * 0.2).astype(np.uint8)
    ramps = colors.ramps()
    for i in range(num_bins):
        top, left = i // num_columns * (height + gap), i % num_columns * (width + gap)
        paint_counts(counts[i], saturation, ramps, image[top : top + height, left : left + width])
    return image


def overlay_segmentation(
    image: Image,
    segmentation: Segmentation,
    *,
    opacity: float = 0.6,
    hidden: Sequence[str] = (),
    colors: EventColors = EventColors(),
) -> Image:
    """Blend class colours into ``image`` in place, outlines stronger than fills; return it.

    Args:
        image: (H, W, 3), of the segmentation's size.
        segmentation: Classes; pixels of UNLABELLED labels are left alone.
        opacity: 0 shows the picture only, 1 paints outlines solid and fills at 0.6.
        hidden: More labels to leave alone.
        colors: The picture's; what differs from its background shows through the fills.
    """
    if image.shape[:2] != segmentation.class_ids.shape:
        raise ValueError(
            f"segmentation of shape {segmentation.class_ids.shape} does not fit "
            f"a picture of shape {image.shape[:2]}"
        )
    strength = np.array(
        [label not in UNLABELLED and label not in hidden for label in segmentation.labels], np.uint8
    )
    opacity = min(max(opacity, 0.0), 1.0)
    fill, line = round(opacity * 0.6 * 256), round(min(1.0, opacity * 1.4) * 256)
    table, ground = color_table(segmentation.labels), np.array(colors.background, np.uint8)
    blend_classes(image, segmentation.class_ids, table, strength, fill, line, ground)
    return image


def overlay_picture(
    image: Image, layer: Image, *, opacity: float = 0.6, colors: EventColors = EventColors()
) -> Image:
    """Blend ``layer`` into ``image`` in place, less where it has events; return it.

    Args:
        image: (H, W, 3), of the layer's size.
        layer: What lies over it, such as tokens in colours.
        opacity: 0 shows the picture only, 1 the layer only.
        colors: The picture's; what differs from its background shows through.
    """
    if image.shape != layer.shape:
        raise ValueError(f"a layer of shape {layer.shape} does not fit a picture of {image.shape}")
    fill = round(min(max(opacity, 0.0), 1.0) * 256)
    blend_picture(image, layer, fill, np.array(colors.background, np.uint8))
    return image


def segmentation_image(segmentation: Segmentation, *, colors: EventColors = EventColors()) -> Image:
    """Return the classes alone, in their colours, on the background."""
    height, width = segmentation.class_ids.shape
    image = np.empty((height, width, 3), np.uint8)
    image[:] = colors.background
    strength = np.array([label not in UNLABELLED for label in segmentation.labels], np.uint8)
    table = color_table(segmentation.labels)
    ground = np.array(colors.background, np.uint8)
    blend_classes(image, segmentation.class_ids, table, strength, 190, 256, ground)
    return image


def depth_image(
    depth: Depth,
    *,
    near_m: float,
    far_m: float,
    colors: str = "turbo",
    out: Image | None = None,
) -> Image:
    """Return depth in colours, near warm and far cold, even in the logarithm of the distance.

    Args:
        depth: Metres; values outside the range take its ends' colours.
        near_m: Distance of the warmest colour.
        far_m: Distance of the coldest colour.
        colors: One of app.colormaps.COLORMAPS.
        out: (H, W, 3) buffer to write into.
    """
    if not 0 < near_m < far_m:
        raise ValueError(f"depth range must be 0 < near < far, got {near_m} to {far_m} m")
    image = np.empty((*depth.depth_m.shape, 3), np.uint8) if out is None else out
    first, table = _depth_table(near_m, far_m, colors)
    paint_depth(depth.depth_m.view(np.int32), DEPTH_SHIFT, first, table, image)
    return image


@functools.lru_cache(maxsize=16)
def _depth_table(near_m: float, far_m: float, colors: str) -> tuple[int, npt.NDArray[np.uint8]]:
    """Return the shifted bits of ``near_m``, and the colours of those from there to ``far_m``."""
    ends = np.array([near_m, far_m], np.float32)
    first, last = (int(bits) for bits in ends.view(np.int32) >> DEPTH_SHIFT)
    middles = (np.arange(first, last + 1, dtype=np.int32) << DEPTH_SHIFT) + (1 << DEPTH_SHIFT - 1)
    share = np.log(far_m / middles.view(np.float32)) / np.log(far_m / near_m)
    rows = np.rint((NUM_COLORS - 1) * np.clip(share, 0, 1)).astype(np.int64)
    return first, colormap(colors)[rows]


def depth_ticks(near_m: float, far_m: float) -> list[float]:
    """Return round distances (1, 2, 5 times a power of ten) in [near_m, far_m], near first."""
    first, last = math.floor(math.log10(near_m)), math.ceil(math.log10(far_m))
    ticks = [digit * 10.0**power for power in range(first, last + 1) for digit in (1, 2, 5)]
    return [tick for tick in ticks if near_m * 0.999 <= tick <= far_m * 1.001]


def side_by_side(images: Sequence[Image], *, gap: int = 4) -> Image:
    """Return pictures of one height in a row, ``gap`` columns of the background between them."""
    if len({image.shape[0] for image in images}) != 1:
        raise ValueError(f"pictures must have one height, got {[image.shape for image in images]}")
    height = images[0].shape[0]
    line = np.empty((height, gap, 3), np.uint8)
    line[:] = EventColors().background
    parts = [part for image in images for part in (line, image)]
    return np.concatenate(parts[1:], axis=1)
