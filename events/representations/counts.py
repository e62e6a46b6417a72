"""Event counts per polarity and cell: what event images and count maps are made of.

Arguments that may be None select a specialisation at compile time, as in ``scatter``.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from events.packet import EventPacket
from events.representations.letterbox import Letterbox

Words = npt.NDArray[np.int64]
Counts = npt.NDArray[np.uint32]


@nb.njit(nogil=True, cache=True)
def scatter_counts(
    words: Words,
    width: int,
    columns: Any,
    rows: Any,
    planes: Any,
    num_cells: int,
    reached: Any,
) -> None:
    """Overwrite flat ``planes`` with the number of events: ON plane, OFF plane.

    Args:
        words: (N, 2) EventPacket.words, read-only.
        width: Of the sensor, in pixels.
        columns: (sensor width,) uint32 cell of each column, or None where cells are pixels.
        rows: (sensor height,) uint32 first cell of each row, or None.
        planes: (2 num_cells,) of any type of number.
        num_cells: Of one plane.
        reached: (2 (N + 1),) uint32 zeros, to count how many cells of a plane have come to at
            least k events; or None. Far cheaper than a histogram of all cells afterwards.
    """
    planes[: 2 * num_cells] = 0
    one, off_offset = planes.dtype.type(1), np.uint64(num_cells)
    low16, shift16, shift32 = np.uint64(0xFFFF), np.uint64(16), np.uint64(32)
    bit, stride, reached_offset = np.uint64(1), np.uint64(width), np.uint64(len(words) + 1)
    # Pixels off the sensor break EventPacket's contract; the clamp keeps them from breaking memory.
    last_pixel = np.uint64(num_cells - 1)
    if columns is not None:
        last_x, last_y = np.uint64(len(columns) - 1), np.uint64(len(rows) - 1)
    for i in range(len(words)):
        word = np.uint64(words[i, 1])
        x = word & low16
        y = (word >> shift16) & low16
        if columns is None:
            cell = min(y * stride + x, last_pixel)
        else:
            cell = np.uint64(rows[min(y, last_y)]) + np.uint64(columns[min(x, last_x)])
        # Polarity is a coin flip, which a branch would mispredict: hence the product.
        off = ~(word >> shift32) & bit
        cell += off * off_offset
        count = planes[cell] + one
        planes[cell] = count
        if reached is not None:
            reached[off * reached_offset + np.uint64(count)] += one


def count_events(
    packet: EventPacket,
    planes: Counts,
    *,
    letterbox: Letterbox | None = None,
    num_newest: int | None = None,
    reached: Counts | None = None,
) -> None:
    """Overwrite ``planes`` with the packet's ON and OFF events per pixel, or per input cell.

    Args:
        packet: Events of one window.
        planes: (2, H, W) uint32, C-contiguous; (2, height, width) with a letterbox.
        letterbox: Says which input cell a pixel adds to; only for inputs not above the sensor's
            size.
        num_newest: Only so many events count, the window's last ones; None counts all.
        reached: (2, N + 1) uint32 zeros, for ``scatter_counts``.
    """
    first = 0 if num_newest is None else max(len(packet) - num_newest, 0)
    scatter_counts(
        packet.words[first:],
        packet.sensor.width,
        letterbox.columns if letterbox else None,
        letterbox.rows if letterbox else None,
        planes.reshape(-1),
        planes[0].size,
        None if reached is None else reached.reshape(-1),
    )


def count_reference(
    packet: EventPacket, letterbox: Letterbox | None = None, num_newest: int | None = None
) -> npt.NDArray[np.int64]:
    """Return what ``count_events`` writes, (2, H, W), in plain numpy: the definition."""
    events = packet.events if num_newest is None else packet.events[-num_newest:]
    rows, columns = events["y"].astype(np.int64), events["x"].astype(np.int64)
    height, width = packet.sensor.height, packet.sensor.width
    if letterbox is not None:
        rows, columns = letterbox.y_lut[rows], letterbox.x_lut[columns]
        height, width = letterbox.height, letterbox.width
    plane = np.where(events["p"] > 0, 0, 1)
    index = (plane * height + rows) * width + columns
    counts: npt.NDArray[np.int64] = np.bincount(index, minlength=2 * height * width)
    return counts.reshape(2, height, width)
