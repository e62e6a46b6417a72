"""Voxel grids in a network's input size, window after window: each event is scattered once.

Bins lie at absolute times, one plane at the end of each, so that windows whose starts are whole bins
apart share planes: a window is a slice of a ring. With ``trailing`` placement the slice is the
from-scratch grid to the last bit before normalisation: the plane at a window's start, the only one that would see
events from before it, is not part of the window.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from events.packet import EventPacket
from events.representations.letterbox import Letterbox
from events.representations.normalization import moments, normalize
from events.representations.scatter import bisect_time, scatter_window
from events.representations.voxel_grid import VoxelGridSpec, grid_buffer, scatter_packet

Grid = npt.NDArray[np.float32]


def network_grid(
    packet: EventPacket, spec: VoxelGridSpec, letterbox: Letterbox, out: Grid | None = None
) -> Grid:
    """Return the (C, height, width) float32 grid of a packet, whose span is the window, as network input.

    An input cell is the sum of its sensor pixels; where the sensor has fewer pixels than the
    input, the value of the pixel under its centre. Cells outside the letterbox are 0. Normalisation
    comes last, over the input's cells.
    """
    _check_sensor(packet, letterbox)
    height, width = letterbox.height, letterbox.width
    out = grid_buffer((spec.num_channels, height, width), out)
    flat = out.reshape(-1)
    if letterbox.scale <= 1:
        scatter_packet(
            packet, spec, flat,
            num_cells=height * width, columns=letterbox.columns, rows=letterbox.rows,
        )  # fmt: skip
    else:
        sensor = packet.sensor
        planes = np.empty((spec.num_channels, sensor.height, sensor.width), np.float32)
        scatter_packet(packet, spec, planes.reshape(-1), num_cells=sensor.height * sensor.width)
        out[:] = 0
        _place(planes, letterbox.source_rows, letterbox.source_columns, *letterbox.content[:2], out)
    normalize(flat, spec.normalization)
    return out


class SlidingGrid:
    """Makes network input of consecutive windows; equals ``network_grid`` to 1e-6 on each.

    Windows may skip bins (dropped windows) and may jump: what is held is used where it fits. Other than
    ``trailing`` grids anchored on the window, windows of another length than ``window_us``, and bins of a broken number
    of microseconds are made from scratch.
    """

    def __init__(self, spec: VoxelGridSpec, letterbox: Letterbox, window_us: int) -> None:
        if window_us < 1:
            raise ValueError(f"window_us must be at least 1, got {window_us}")
        self.spec = spec
        self.letterbox = letterbox
        self.window_us = window_us
        self._bin_us = window_us // spec.num_bins
        self._is_sliding = (
            spec.placement == "trailing"
            and spec.anchor == "window"
            and window_us % spec.num_bins == 0
        )
        self._is_direct = letterbox.scale <= 1
        sensor = letterbox.sensor
        shape = (letterbox.height, letterbox.width)
        self._out = np.zeros((spec.num_channels, *shape), np.float32)
        if not self._is_direct:
            shape = (sensor.height, sensor.width)
        polarities = spec.num_channels // spec.num_bins
        self._planes = np.zeros((polarities, 3 * spec.num_bins, *shape), np.float32)
        self._moments = np.zeros((polarities, 3 * spec.num_bins, 3))
        self._newest = -1
        self._previous: EventPacket | None = None

    def reset(self) -> None:
        """Forget all windows; to be called when the stream jumps."""
        self._previous = None

    def grid(self, packet: EventPacket) -> Grid:
        """Return the (C, height, width) float32 grid of a window: ``packet``'s span.

        The next call may overwrite the result.
        """
        _check_sensor(packet, self.letterbox)
        if not self._is_sliding or packet.duration_us != self.window_us:
            return network_grid(packet, self.spec, self.letterbox, self._out)
        num_new = self._num_missing(packet)
        self._scatter(packet, num_new)
        self._previous = packet
        return self._read(num_new)

    def _num_missing(self, packet: EventPacket) -> int:
        """Return how many of the window's newest bins the ring does not hold."""
        previous, num_bins = self._previous, self.spec.num_bins
        if previous is None:
            return num_bins
        num_new, remainder = divmod(packet.start_us - previous.start_us, self._bin_us)
        if remainder or not 0 <= num_new < num_bins:
            return num_bins
        # The same span of another stream (a seek without reset, a loop) has other events.
        words, held = packet.words, previous.words
        num_shared = bisect_time(words, previous.end_us, 0, len(words))
        num_held = len(held) - bisect_time(held, packet.start_us, 0, len(held))
        return num_new if num_shared == num_held else num_bins

    def _scatter(self, packet: EventPacket, num_new: int) -> None:
        """Scatter the window's newest ``num_new`` bins into planes after the newest one."""
        num_bins, planes = self.spec.num_bins, self._planes
        is_restart = num_new == num_bins
        if is_restart:
            self._newest = -1
        elif self._newest + num_new >= planes.shape[1]:
            kept = slice(self._newest + 1 - num_bins + num_new, self._newest + 1)
            num_kept = num_bins - num_new
            planes[:, :num_kept] = planes[:, kept]
            self._moments[:, :num_kept] = self._moments[:, kept]
            self._newest = num_kept - 1
        first = self._newest + 1
        num_cells = planes.shape[2] * planes.shape[3]
        scatter_window(
            packet.words,
            packet.end_us - num_new * self._bin_us,
            max(num_new, 1) * self._bin_us,
            num_new,
            is_restart,
            not is_restart,
            packet.sensor.width,
            self.letterbox.columns if self._is_direct else None,
            self.letterbox.rows if self._is_direct else None,
            planes.shape[1] * num_cells if len(planes) == 2 else None,
            planes.reshape(-1)[(first if is_restart else first - 1) * num_cells :],
            num_cells,
        )
        self._newest += num_new

    def _read(self, num_new: int) -> Grid:
        """Return the newest planes as network input, without touching the ring."""
        num_bins, normalization = self.spec.num_bins, self.spec.normalization
        held = slice(self._newest + 1 - num_bins, self._newest + 1)
        out = self._out.reshape(len(self._planes), num_bins, *self._out.shape[1:])
        flat = self._out.reshape(-1)
        if not self._is_direct:
            content = self.letterbox.content
            for channel, planes in zip(out, self._planes[:, held], strict=True):
                rows, columns = self.letterbox.source_rows, self.letterbox.source_columns
                _place(planes, rows, columns, content.top, content.left, channel)
            normalize(flat, normalization)
            return self._out
        known = None
        if normalization != "none":
            # Older planes are final; the newest one of the last window has changed once more.
            changed = slice(max(held.start, self._newest - num_new), held.stop)
            for polarity, planes in enumerate(self._planes):
                for k in range(changed.start, changed.stop):
                    self._moments[polarity, k] = moments(planes[k].reshape(-1))
            count, total, squares = self._moments[:, held].sum(axis=(0, 1))
            known = (float(count), float(total), float(squares))
        for channel, planes in zip(out, self._planes[:, held], strict=True):
            normalize(planes.reshape(-1), normalization, channel.reshape(-1), known)
        return self._out


def _check_sensor(packet: EventPacket, letterbox: Letterbox) -> None:
    if packet.sensor != letterbox.sensor:
        raise ValueError(
            f"the letterbox was made for a {letterbox.sensor} sensor, got a packet of {packet.sensor}"
        )


@nb.njit(nogil=True, cache=True)
def _place(
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
