"""Compiled loops of app.render; each frees the GIL, so that drawing never holds up the pipeline."""

# mypy cannot see through numba's decorator: the ignores keep the signatures typed

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

_compiled: Any = numba.njit(cache=True, nogil=True)

Bytes = npt.NDArray[np.uint8]


@_compiled  # type: ignore[untyped-decorator]
def paint_surface(
    newest_us: npt.NDArray[np.int64],
    polarity: npt.NDArray[np.generic],
    now_us: int,
    decay_us: int,
    ramps: Bytes,
    image: Bytes,
) -> None:
    """Write (H, W, 3) colours: ``ramps`` (2, 256, 3) at exp(-age / decay)."""
    num_steps = 1024
    levels = np.empty(num_steps, np.uint8)
    for i in range(num_steps):
        levels[i] = np.uint8(255.0 * np.exp(-4.0 * i / num_steps))
    oldest_us = now_us - 4 * decay_us
    scale = num_steps / (4.0 * decay_us)
    height, width = newest_us.shape
    ground = ramps[0, 0]
    for y in range(height):
        for x in range(width):
            t = newest_us[y, x]
            if t <= oldest_us or t > now_us:
                image[y, x, 0], image[y, x, 1], image[y, x, 2] = ground[0], ground[1], ground[2]
                continue
            level = levels[min(int((now_us - t) * scale), num_steps - 1)]
            row = ramps[1 if polarity[y, x] > 0 else 0]
            image[y, x, 0], image[y, x, 1], image[y, x, 2] = (
                row[level, 0],
                row[level, 1],
                row[level, 2],
            )


@_compiled  # type: ignore[untyped-decorator]
def count_polarities(
    words: npt.NDArray[np.int64],
    start_us: int,
    bins_per_us: float,
    merged: int,
    counts: npt.NDArray[np.int16],
) -> None:
    """Add +1 for ON and -1 for OFF into (B, H, W); ``words`` as in EventPacket.words.

    A cell of ``counts`` holds ``merged`` x ``merged`` pixels.
    """
    last = counts.shape[0] - 1
    for i in range(words.shape[0]):
        word = words[i, 1]
        x, y, p = word & 0xFFFF, (word >> 16) & 0xFFFF, (word >> 32) & 0xFF
        if merged > 1:
            x, y = x // merged, y // merged
        plane = 0
        if last:
            plane = min(int((words[i, 0] - start_us) * bins_per_us), last)
        counts[plane, y, x] += 1 if p else -1


@_compiled  # type: ignore[untyped-decorator]
def paint_counts(
    counts: npt.NDArray[np.int16], saturation: int, ramps: Bytes, image: Bytes
) -> None:
    """Write (H, W, 3) colours of (H, W) signed counts."""
    colors = np.empty((2 * saturation + 1, 3), np.uint8)
    for count in range(-saturation, saturation + 1):
        level = 0 if count == 0 else 55 + 200 * abs(count) // saturation
        colors[count + saturation] = ramps[1 if count > 0 else 0, level]
    height, width = counts.shape
    for y in range(height):
        for x in range(width):
            color = colors[min(max(counts[y, x], -saturation), saturation) + saturation]
            image[y, x, 0], image[y, x, 1], image[y, x, 2] = color[0], color[1], color[2]


@_compiled  # type: ignore[untyped-decorator]
def blend_classes(
    image: Bytes,
    class_ids: Bytes,
    table: Bytes,
    strength: Bytes,
    fill: int,
    line: int,
    ground: Bytes,
) -> None:
    """Mix class colours into ``image``; a pixel with a neighbour of another class is outline.

    ``fill`` and ``line`` are shares of 256; ``strength`` (S,) is 0 for classes to leave alone. The
    further a pixel is from the ``ground`` (3,) the less it is filled: events stand out.
    """
    height, width = class_ids.shape
    num_classes = table.shape[0]
    ground_red, ground_green = np.int64(ground[0]), np.int64(ground[1])
    ground_blue = np.int64(ground[2])
    shares = np.empty(256, np.int64)
    for contrast in range(256):
        shares[contrast] = fill * (340 - min(contrast, 200)) // 340
    for y in range(height):
        for x in range(width):
            label = class_ids[y, x]
            if label >= num_classes or strength[label] == 0:
                continue
            is_line = (
                (x > 0 and class_ids[y, x - 1] != label)
                or (y > 0 and class_ids[y - 1, x] != label)
                or (x + 1 < width and class_ids[y, x + 1] != label)
                or (y + 1 < height and class_ids[y + 1, x] != label)
            )
            # int() of a byte is unsigned here: a difference below 0 would wrap
            red, green = np.int64(image[y, x, 0]), np.int64(image[y, x, 1])
            blue = np.int64(image[y, x, 2])
            share = np.int64(line)
            if not is_line:
                differs = max(
                    abs(red - ground_red), abs(green - ground_green), abs(blue - ground_blue)
                )
                share = shares[differs]
            image[y, x, 0] = red + (((np.int64(table[label, 0]) - red) * share) >> 8)
            image[y, x, 1] = green + (((np.int64(table[label, 1]) - green) * share) >> 8)
            image[y, x, 2] = blue + (((np.int64(table[label, 2]) - blue) * share) >> 8)


@_compiled  # type: ignore[untyped-decorator]
def blend_picture(image: Bytes, layer: Bytes, fill: int, ground: Bytes) -> None:
    """Mix ``layer`` (H, W, 3) into ``image``; ``fill`` is a share of 256.

    The further a pixel is from the ``ground`` (3,) the less of the layer it takes: events stand
    out, unless ``fill`` is 256.
    """
    shares = np.empty(256, np.int64)
    for contrast in range(256):
        shares[contrast] = fill if fill >= 256 else fill * (300 - min(contrast, 200)) // 300
    height, width = image.shape[:2]
    for y in range(height):
        for x in range(width):
            differs = np.int64(0)
            for i in range(3):  # int64: a byte's difference below 0 would wrap
                differs = max(differs, abs(np.int64(image[y, x, i]) - np.int64(ground[i])))
            share = shares[differs]
            for i in range(3):
                value = np.int64(image[y, x, i])
                image[y, x, i] = value + (((np.int64(layer[y, x, i]) - value) * share) >> 8)


@_compiled  # type: ignore[untyped-decorator]
def paint_depth(
    depth_m: npt.NDArray[np.float32], near_m: float, far_m: float, table: Bytes, image: Bytes
) -> None:
    """Write (H, W, 3) colours of (H, W) metres: table from ``far_m`` to ``near_m``."""
    height, width = depth_m.shape
    last = table.shape[0] - 1
    scale = np.float32(last / np.log(far_m / near_m))
    offset = np.float32(np.log(far_m))
    for y in range(height):
        for x in range(width):
            place = int((offset - np.log(depth_m[y, x])) * scale + np.float32(0.5))
            place = min(max(place, 0), last)
            for i in range(3):
                image[y, x, i] = table[place, i]


@_compiled  # type: ignore[untyped-decorator]
def paint_values(
    values: npt.NDArray[np.float32], low: float, high: float, table: Bytes, image: Bytes
) -> None:
    """Write (H, W, 3) colours of (H, W) values: the table's first at ``low``, last at ``high``."""
    height, width = values.shape
    last = table.shape[0] - 1
    scale = np.float32(last / (high - low))
    start = np.float32(low)
    for y in range(height):
        for x in range(width):
            place = int((values[y, x] - start) * scale + np.float32(0.5))
            place = min(max(place, 0), last)
            for i in range(3):
                image[y, x, i] = table[place, i]


@_compiled  # type: ignore[untyped-decorator]
def paint_plane(values: npt.NDArray[np.float32], channel: int, image: Bytes) -> None:
    """Write (H, W) values of [0, 1] into one channel of (H, W, 3)."""
    height, width = values.shape
    for y in range(height):
        for x in range(width):
            image[y, x, channel] = np.uint8(values[y, x] * np.float32(255) + np.float32(0.5))
