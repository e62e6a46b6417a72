"""Images of a sensor at a letterbox's size: separable interpolation with its own antialiasing.

Source: Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 1981.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from events.representations.letterbox import Letterbox

Interpolation = Literal["bilinear", "bilinear_antialias", "bicubic", "bicubic_antialias"]
"""How an image of the sensor's size is brought to the network's.

With ``_antialias`` the kernel widens with the step, so that each pixel counts: what Pillow always
does, and torch with ``antialias=True``; bicubic is then Keys' with a = -0.5. Without it, a smaller
image leaves pixels out: what OpenCV does, and torch otherwise; bicubic is then a = -0.75.
Enlarged, the bilinear two are one. Nothing from outside the image comes in.
"""

Image = npt.NDArray[np.float32]


class Taps(NamedTuple):
    """Which input pixels make each output cell of one axis, and with what weight."""

    first: npt.NDArray[np.int64]
    """(n,) first input pixel."""
    weights: npt.NDArray[np.float32]
    """(n, K) of the pixels from ``first`` on; 0 past the last one. Each row sums to 1."""


def resample(planes: Image, letterbox: Letterbox, interpolation: Interpolation, out: Image) -> None:
    """Write sensor images to the letterbox's content; cells outside it stay as they are.

    Args:
        planes: (C, H, W) float32, C-contiguous, of the sensor's size.
        letterbox: Its scale and place: cell i lies at (i + 0.5) / scale - 0.5, half-pixel centres.
        interpolation: How.
        out: (C, height, width) float32.
    """
    top, left, height, width = letterbox.content
    rows, columns = content_taps(letterbox, interpolation)
    between = np.empty((height, planes.shape[2]), np.float32)
    for source, target in zip(planes, out, strict=True):
        _resample_rows(source, rows.first, rows.weights, between)
        content = target[top : top + height, left : left + width]
        _resample_columns(between, columns.first, columns.weights, content)


def resample_reference(
    planes: npt.NDArray[np.float64],
    letterbox: Letterbox,
    interpolation: Interpolation,
    margin: float,
) -> npt.NDArray[np.float64]:
    """Return (C, height, width): what ``resample`` writes, and ``margin`` outside the content."""
    top, left, height, width = letterbox.content
    out = np.full((len(planes), letterbox.height, letterbox.width), margin, np.float64)
    rows, columns = (
        taps_matrix(taps, size)
        for taps, size in zip(content_taps(letterbox, interpolation), planes.shape[1:], strict=True)
    )
    out[:, top : top + height, left : left + width] = rows @ planes @ columns.T
    return out


def taps_matrix(taps: Taps, size: int) -> npt.NDArray[np.float64]:
    """Return taps of ``size`` input pixels as a matrix, (n, size)."""
    matrix = np.zeros((len(taps.first), size))
    pixel = taps.first[:, None] + np.arange(taps.weights.shape[1])
    np.put_along_axis(matrix, pixel, taps.weights.astype(np.float64), axis=1)
    return matrix


@lru_cache(maxsize=32)
def content_taps(letterbox: Letterbox, interpolation: Interpolation) -> tuple[Taps, Taps]:
    """Return the taps of the content's rows and columns, in pixels of the sensor."""
    content, sensor, step = letterbox.content, letterbox.sensor, 1 / letterbox.scale
    return (
        make_taps(sensor.height, content.height, step, interpolation),
        make_taps(sensor.width, content.width, step, interpolation),
    )


def make_taps(size: int, num_cells: int, step: float, interpolation: Interpolation) -> Taps:
    """Return the taps of one axis.

    Args:
        size: Of the input, in pixels.
        num_cells: Of the output.
        step: Pixels per cell.
        interpolation: How.
    """
    is_cubic, is_antialiased = "bicubic" in interpolation, "antialias" in interpolation
    stretch = max(step, 1.0) if is_antialiased else 1.0
    support = (2 if is_cubic else 1) * stretch
    centre = (np.arange(num_cells) + 0.5) * step
    # All pixels whose centre lies within the support; a row more on either side costs nothing.
    num_taps = int(np.ceil(2 * support)) + 1
    pixel = np.floor(centre - support + 0.5).astype(np.int64)[:, None] + np.arange(num_taps)
    distance = (pixel + 0.5 - centre[:, None]) / stretch
    sharpness = -0.5 if is_antialiased else -0.75
    weights = _cubic(distance, sharpness) if is_cubic else np.maximum(1 - abs(distance), 0)
    if is_antialiased:
        weights[(pixel < 0) | (pixel >= size)] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    return _within(np.clip(pixel, 0, size - 1), weights, size)


def _cubic(distance: npt.NDArray[np.float64], a: float) -> npt.NDArray[np.float64]:
    """Return Keys' kernel, his eq. 4 with ``a`` in place of -1/2."""
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _within(pixel: npt.NDArray[np.int64], weights: npt.NDArray[np.float64], size: int) -> Taps:
    """Return taps without zeros around them; pixels that occur twice, at an edge, are added up."""
    cells = np.arange(len(pixel))[:, None]
    matrix = np.zeros((len(pixel), size))
    np.add.at(matrix, (cells, pixel), weights)
    is_used = matrix != 0
    first, last = is_used.argmax(axis=1), size - 1 - is_used[:, ::-1].argmax(axis=1)
    num_taps = int((last - first).max()) + 1
    first = np.minimum(first, size - num_taps)
    used = matrix[cells, first[:, None] + np.arange(num_taps)]
    return Taps(first, used.astype(np.float32))


@nb.njit(nogil=True, cache=True)
def _resample_rows(source: Image, first: npt.NDArray[np.int64], weights: Image, out: Image) -> None:
    """Write (h, W): each row the weighted sum of rows of ``source`` (H, W)."""
    for i in range(len(first)):
        row = out[i]
        row[:] = 0
        for k in range(weights.shape[1]):
            weight = weights[i, k]
            if weight != 0:
                pixels = source[first[i] + k]
                for x in range(len(row)):
                    row[x] += weight * pixels[x]


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _resample_columns(
    source: Image, first: npt.NDArray[np.int64], weights: Image, out: Image
) -> None:
    """Write (h, w): each column the weighted sum of columns of ``source`` (h, W)."""
    for i in range(len(source)):
        row = source[i]
        for j in range(len(first)):
            total, start = np.float32(0), np.uint64(first[j])
            for k in range(weights.shape[1]):
                total += weights[j, k] * row[start + np.uint64(k)]
            out[i, j] = total
