"""BinRing: planes at absolute times, one at the end of each bin, that successive windows share.

The buffer is linear, so that a window is a slice of it; at its end the newest planes move to its
front.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket
from events.representations.letterbox import Letterbox, place
from events.representations.normalization import normalize, plane_moments
from events.representations.scatter import scatter_window
from events.representations.voxel_grid import VoxelGridSpec

Grid = npt.NDArray[np.float32]


class BinRing:
    """The newest planes of a stream; in the network's cells, or in pixels of a smaller sensor."""

    def __init__(self, spec: VoxelGridSpec, letterbox: Letterbox, bin_us: int) -> None:
        self._spec = spec
        self._letterbox = letterbox
        self._bin_us = bin_us
        self._is_direct = letterbox.scale <= 1
        sensor = letterbox.sensor
        height, width = letterbox.height, letterbox.width
        if not self._is_direct:
            height, width = sensor.height, sensor.width
        self._num_cells = height * width
        shape = (spec.num_channels // spec.num_bins, 2 * spec.num_bins)
        self._planes = np.zeros((*shape, height, width), np.float32)
        self._flat = self._planes.reshape(-1)
        self._moments = np.zeros((*shape, 3))
        self._num_planes = 0
        self._first_changed = 0

    def clear(self) -> None:
        """Hold nothing."""
        self._num_planes = 0

    def scatter(self, packet: EventPacket, num_new: int) -> None:
        """Add the newest ``num_new`` bins of a window, or all of them where nothing is held."""
        num_bins = self._spec.num_bins
        is_restart = self._num_planes == 0
        if is_restart:
            num_new = num_bins
        elif self._num_planes + num_new > 2 * num_bins:
            self._move_to_front(num_bins - num_new)
        # The newest plane held still fades out over the first new bin.
        left = max(self._num_planes - 1, 0)
        scatter_window(
            packet.words,
            packet.end_us - num_new * self._bin_us,
            max(num_new, 1) * self._bin_us,
            num_new,
            is_restart,
            not is_restart,
            packet.sensor.width,
            self._letterbox.columns if self._is_direct else None,
            self._letterbox.rows if self._is_direct else None,
            2 * num_bins * self._num_cells if len(self._planes) == 2 else None,
            self._flat[left * self._num_cells :],
            self._num_cells,
        )
        self._first_changed = left
        self._num_planes += num_new

    def read(self, out: Grid) -> Grid:
        """Return the newest window as network input: written to ``out``, or a read-only view."""
        normalization = self._spec.normalization
        first = self._num_planes - self._spec.num_bins
        held = self._planes[:, first : self._num_planes]
        if not self._is_direct:
            top, left = self._letterbox.content[:2]
            rows, columns = self._letterbox.source_rows, self._letterbox.source_columns
            for planes, channels in zip(held, np.split(out, len(held)), strict=True):
                place(planes, rows, columns, top, left, channels)
            normalize(out.reshape(-1), normalization)
            return out
        if normalization == "none" and len(held) == 1:
            window: Grid = held[0]
            window.flags.writeable = False
            return window
        known = self._held_moments(first)
        for planes, channels in zip(held, np.split(out, len(held)), strict=True):
            normalize(planes.reshape(-1), normalization, channels.reshape(-1), known)
        return out

    def _held_moments(self, first: int) -> tuple[float, float, float]:
        """Return the moments of the newest window; those of older planes are known already."""
        changed, last = max(self._first_changed - first, 0), self._num_planes - first
        parts = [
            plane_moments(planes.reshape(len(planes), -1)[first:], changed, last, table[first:])
            for planes, table in zip(self._planes, self._moments, strict=True)
        ]
        count, total, squares = (sum(values) for values in zip(*parts, strict=True))
        return count, total, squares

    def _move_to_front(self, count: int) -> None:
        """Keep the newest ``count`` planes only, at the buffer's front."""
        newest = slice(self._num_planes - count, self._num_planes)
        self._planes[:, :count] = self._planes[:, newest]
        self._moments[:, :count] = self._moments[:, newest]
        self._num_planes = count
