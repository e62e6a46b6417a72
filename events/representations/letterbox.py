"""Letterbox: where a sensor's pixels lie in a network's input, and the way back for its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from events.packet import SensorSize

Neighbours = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]


class Content(NamedTuple):
    """The part of the input that the sensor covers, in cells."""

    top: int
    left: int
    height: int
    width: int


class Axis(NamedTuple):
    """One axis of a letterbox: ``size`` pixels scaled by numerator / denominator, then shifted."""

    size: int
    input_size: int
    numerator: int
    denominator: int

    @property
    def extent(self) -> int:
        """Cells covered: the rounded size, or more where the last pixel's cell lies beyond it."""
        doubled = 2 * self.size * self.numerator
        rounded = (doubled + self.denominator) // (2 * self.denominator)
        last_cell = (doubled - self.numerator) // (2 * self.denominator)
        return min(max(rounded, last_cell + 1), self.input_size)

    @property
    def margin(self) -> int:
        """Cells before the content."""
        return (self.input_size - self.extent) // 2

    def cells(self) -> npt.NDArray[np.int64]:
        """(size,) input cell of each pixel: floor((pixel + 0.5) scale) + margin, exactly."""
        doubled = 2 * np.arange(self.size, dtype=np.int64) + 1
        return doubled * self.numerator // (2 * self.denominator) + self.margin

    def pixels(self) -> npt.NDArray[np.int64]:
        """(extent,) pixel under the centre of each content cell."""
        doubled = 2 * np.arange(self.extent, dtype=np.int64) + 1
        pixels = doubled * self.denominator // (2 * self.numerator)
        return np.minimum(pixels, self.size - 1)

    def neighbours(self, size: int) -> Neighbours:
        """Return each pixel's two neighbours in an output of ``size`` and the second's weight.

        Half-pixel centres; positions stay inside the content, so that padding never bleeds in.
        """
        ratio = self.input_size // size
        centre = (np.arange(self.size) + 0.5) * self.numerator / self.denominator + self.margin
        first = self.margin // ratio
        last = (self.margin + self.extent - 1) // ratio
        position = np.clip(centre / ratio - 0.5, first, last)
        low = np.floor(position).astype(np.int64)
        return low, np.minimum(low + 1, last), (position - low).astype(np.float32)


@dataclass(frozen=True)
class Letterbox:
    """Fits a sensor into a (height, width) input: one scale, centred, nothing cropped."""

    sensor: SensorSize
    height: int
    """Of the input, in cells."""
    width: int

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"input must be at least 1x1, got {self.width}x{self.height}")

    @cached_property
    def _axes(self) -> tuple[Axis, Axis]:
        """Rows, columns."""
        sensor = self.sensor
        is_height_tight = self.height * sensor.width <= self.width * sensor.height
        ratio = (self.height, sensor.height) if is_height_tight else (self.width, sensor.width)
        return Axis(sensor.height, self.height, *ratio), Axis(sensor.width, self.width, *ratio)

    @property
    def scale(self) -> float:
        """Cells per sensor pixel."""
        return self._axes[0].numerator / self._axes[0].denominator

    @property
    def content(self) -> Content:
        rows, columns = self._axes
        return Content(rows.margin, columns.margin, rows.extent, columns.extent)

    @cached_property
    def x_lut(self) -> npt.NDArray[np.int64]:
        """(sensor width,) input column of each sensor column."""
        return self._axes[1].cells()

    @cached_property
    def y_lut(self) -> npt.NDArray[np.int64]:
        """(sensor height,) input row of each sensor row."""
        return self._axes[0].cells()

    @cached_property
    def columns(self) -> npt.NDArray[np.uint32]:
        """(sensor width,) what a sensor column adds to the flat index of an input cell."""
        return self.x_lut.astype(np.uint32)

    @cached_property
    def rows(self) -> npt.NDArray[np.uint32]:
        """(sensor height,) what a sensor row adds to the flat index of an input cell."""
        return (self.y_lut * self.width).astype(np.uint32)

    @cached_property
    def source_columns(self) -> npt.NDArray[np.int64]:
        """(content width,) sensor column under each content column."""
        return self._axes[1].pixels()

    @cached_property
    def source_rows(self) -> npt.NDArray[np.int64]:
        """(content height,) sensor row under each content row."""
        return self._axes[0].pixels()

    def neighbours(self, shape: tuple[int, ...]) -> tuple[Neighbours, Neighbours]:
        """Return what rows and columns of the sensor lie between in a map of ``shape``, (h, w).

        Of each axis: the first neighbour's index, the second's, and the second's weight.
        """
        self._check_divides(shape)
        return _neighbours(self._axes, shape)

    def to_sensor_image(self, image: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """Return ``image`` at the sensor's pixels, (H, W) float32: bilinear, half-pixel centres.

        Args:
            image: (h, w) float, at the input's resolution or a divisor of it.
        """
        rows, columns = self.neighbours(image.shape)
        top, bottom, bottom_weight = rows
        left, right, right_weight = columns
        out = np.empty((self.sensor.height, self.sensor.width), np.float32)
        source = _read_only(image.astype(np.float32, copy=False))
        _interpolate(source, top, bottom, bottom_weight, left, right, right_weight, out)
        return out

    def to_sensor_classes(self, logits: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
        """Return the likeliest class at each sensor pixel, (H, W): logits are bilinear in between.

        Args:
            logits: (C, h, w) float with C <= 256, at the input's resolution or a divisor of it.
        """
        rows, columns = self.neighbours(logits.shape[1:])
        top, bottom, bottom_weight = rows
        left, right, right_weight = columns
        cells = _read_only(np.moveaxis(logits, 0, -1).astype(np.float32, copy=False))
        out = np.empty((self.sensor.height, self.sensor.width), np.uint8)
        _pick_classes(cells, top, bottom, bottom_weight, left, right, right_weight, out)
        return out

    def _check_divides(self, shape: tuple[int, ...]) -> None:
        if (
            len(shape) != 2
            or 0 in shape
            or self.height % shape[0] != 0
            or self.width % shape[1] != 0
        ):
            raise ValueError(
                f"a map must be (h, w) with sides that divide the input's "
                f"({self.height}, {self.width}), got {shape}"
            )


@lru_cache(maxsize=32)
def _neighbours(axes: tuple[Axis, Axis], shape: tuple[int, ...]) -> tuple[Neighbours, Neighbours]:
    """Return the neighbours of rows and of columns in a map of ``shape``."""
    return axes[0].neighbours(shape[0]), axes[1].neighbours(shape[1])


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a C-contiguous read-only view or copy: one type and one compilation for all."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


@nb.njit(nogil=True, cache=True)
def _interpolate(
    image: npt.NDArray[np.float32],
    top: npt.NDArray[np.int64],
    bottom: npt.NDArray[np.int64],
    bottom_weight: npt.NDArray[np.float32],
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
    right_weight: npt.NDArray[np.float32],
    out: npt.NDArray[np.float32],
) -> None:
    row = np.empty(image.shape[1], np.float32)
    for y in range(len(top)):
        above, below, weight = image[top[y]], image[bottom[y]], bottom_weight[y]
        for x in range(len(row)):
            row[x] = above[x] + (below[x] - above[x]) * weight
        for x in range(len(left)):
            start = row[np.uint64(left[x])]
            out[y, x] = start + (row[np.uint64(right[x])] - start) * right_weight[x]


@nb.njit(nogil=True, cache=True)
def _pick_classes(
    cells: npt.NDArray[np.float32],
    top: npt.NDArray[np.int64],
    bottom: npt.NDArray[np.int64],
    bottom_weight: npt.NDArray[np.float32],
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
    right_weight: npt.NDArray[np.float32],
    out: npt.NDArray[np.uint8],
) -> None:
    """Write the likeliest class of each pixel, in blocks of those between the same four cells."""
    height, width, num_classes = cells.shape
    best = np.empty((height, width), np.uint8)
    for i in range(height):
        for j in range(width):
            best[i, j] = np.argmax(cells[i, j])
    classes = np.empty(num_classes, np.int64)
    y = 0
    while y < len(top):
        i, k, y_end = top[y], bottom[y], _block_end(top, y)
        x = 0
        while x < len(left):
            j, m, x_end = left[x], right[x], _block_end(left, x)
            block, corner = out[y:y_end, x:x_end], best[i, j]
            block[:] = corner
            # A class that leads at all four cells leads everywhere between them.
            if corner != best[i, m] or corner != best[k, j] or corner != best[k, m]:
                corners = cells[i, j], cells[i, m], cells[k, j], cells[k, m]
                able = classes[: _contenders(corners, classes)]
                _pick_between(corners, able, bottom_weight[y:y_end], right_weight[x:x_end], block)
            x = x_end
        y = y_end


@nb.njit(nogil=True, cache=True)
def _block_end(first: npt.NDArray[np.int64], start: int) -> int:
    """Return where the neighbour at ``start`` gives way to the next."""
    end = start + 1
    while end < len(first) and first[end] == first[start]:
        end += 1
    return end


@nb.njit(nogil=True, cache=True)
def _contenders(corners: Any, classes: npt.NDArray[np.int64]) -> int:
    """Write the classes that may lead between four cells; return how many.

    One that is nowhere above what another is everywhere cannot.
    """
    top_left, top_right, bottom_left, bottom_right = corners
    floor = np.float32(-np.inf)
    for c in range(len(classes)):
        least = min(min(top_left[c], top_right[c]), min(bottom_left[c], bottom_right[c]))
        floor = max(floor, least)
    num = 0
    for c in range(len(classes)):
        most = max(max(top_left[c], top_right[c]), max(bottom_left[c], bottom_right[c]))
        if most >= floor:
            classes[num] = c
            num += 1
    return num


@nb.njit(nogil=True, cache=True)
def _pick_between(
    corners: Any,
    classes: npt.NDArray[np.int64],
    bottom_weight: npt.NDArray[np.float32],
    right_weight: npt.NDArray[np.float32],
    out: npt.NDArray[np.uint8],
) -> None:
    """Write which of ``classes`` leads at each pixel between four cells, the first of equals."""
    top_left, top_right, bottom_left, bottom_right = corners
    largest = np.full(out.shape, -np.inf, np.float32)
    for c in classes:
        for x in range(len(right_weight)):
            above = top_left[c] + (top_right[c] - top_left[c]) * right_weight[x]
            below = bottom_left[c] + (bottom_right[c] - bottom_left[c]) * right_weight[x]
            for y in range(len(bottom_weight)):
                value = above + (below - above) * bottom_weight[y]
                if value > largest[y, x]:
                    largest[y, x], out[y, x] = value, c


@nb.njit(nogil=True, cache=True)
def place(
    planes: Any,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    top: int,
    left: int,
    out: Any,
) -> None:
    """Copy sensor pixels to the input cells they lie under; other cells stay as they are."""
    for plane in range(len(planes)):
        for i in range(len(rows)):
            source, target = planes[plane, rows[i]], out[plane, top + i]
            for j in range(len(columns)):
                target[left + j] = source[np.uint64(columns[j])]
