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
    shares = np.empty(256, np.int64)
    for contrast in range(256):
        shares[contrast] = fill * (340 - min(contrast, 200)) // 340
    filled, lined = _on_ground(table, ground, fill), _on_ground(table, ground, line)
    is_shown = np.zeros(256, np.bool_)
    is_shown[: len(strength)] = strength > 0
    is_line = np.empty(width, np.bool_)
    for y in range(height):
        labels = class_ids[y]
        _mark_outline(labels, class_ids[max(y - 1, 0)], class_ids[min(y + 1, height - 1)], is_line)
        for x in range(width):
            label, pixel = labels[x], image[y, x]
            if not is_shown[label]:
                continue
            differs = _difference(pixel, ground)
            if differs == 0:  # most pixels: no event came there of late
                mixed = lined[label] if is_line[x] else filled[label]
                pixel[0], pixel[1], pixel[2] = mixed[0], mixed[1], mixed[2]
                continue
            share = line if is_line[x] else shares[differs]
            for i in range(3):
                pixel[i] = _mix(pixel[i], table[label, i], share)


@_compiled  # type: ignore[untyped-decorator]
def _mark_outline(labels: Bytes, above: Bytes, below: Bytes, is_line: Any) -> None:
    """Write which pixels of a row have a neighbour of another label."""
    for x in range(len(labels)):
        is_line[x] = (labels[x] != above[x]) | (labels[x] != below[x])
    for x in range(1, len(labels)):
        is_line[x] |= labels[x] != labels[x - 1]
    for x in range(len(labels) - 1):
        is_line[x] |= labels[x] != labels[x + 1]


@_compiled  # type: ignore[untyped-decorator]
def _on_ground(table: Bytes, ground: Bytes, share: int) -> Bytes:
    """Return (S, 3): each of the table's colours mixed into the ground."""
    mixed = np.empty_like(table)
    for label in range(len(table)):
        for i in range(3):
            mixed[label, i] = _mix(ground[i], table[label, i], share)
    return mixed


@_compiled  # type: ignore[untyped-decorator]
def _mix(under: Any, over: Any, share: int) -> Any:
    """Return one byte with ``share`` of 256 of another laid over it."""
    # int64: a byte's difference below 0 would wrap
    return np.uint8(under + (((np.int64(over) - np.int64(under)) * share) >> 8))


@_compiled  # type: ignore[untyped-decorator]
def _difference(pixel: Bytes, ground: Bytes) -> Any:
    """Return the largest difference of two colours' bytes."""
    differs = np.int64(0)
    for i in range(3):
        differs = max(differs, abs(np.int64(pixel[i]) - np.int64(ground[i])))
    return differs


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
            pixel = image[y, x]
            share = shares[_difference(pixel, ground)]
            for i in range(3):
                pixel[i] = _mix(pixel[i], layer[y, x, i], share)


@_compiled  # type: ignore[untyped-decorator]
def paint_depth(
    bits: npt.NDArray[np.int32], shift: int, first: int, table: Bytes, image: Bytes
) -> None:
    """Write (H, W, 3) colours of (H, W) metres, given as the bits of their floats.

    Shifted they are about a logarithm: row i of ``table`` is the colour of ``first`` + i.
    """
    height, width = bits.shape
    last = len(table) - 1
    for y in range(height):
        for x in range(width):
            color = table[min(max((bits[y, x] >> shift) - first, 0), last)]
            image[y, x, 0], image[y, x, 1], image[y, x, 2] = color[0], color[1], color[2]


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
