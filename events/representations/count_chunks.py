"""Count chunks: polarity histograms of K parts of a window that hold equally many events each.

Source: an input that the public code of "Generative Event Pretraining with Foundation Model
Alignment" (GEP), arXiv 2603.23032, offers beside its event image: 10 chunks, 20 channels.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np

from events.packet import EventPacket
from events.representations.counts import Words, count_reference, scatter_counts
from events.representations.letterbox import Letterbox, place
from events.representations.normalization import Normalization, normalize, normalize_reference
from events.representations.representation import (
    Grid,
    Spec,
    check_choices,
    check_sensor,
    grid_buffer,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountChunksSpec(Spec):
    """Everything that decides count chunks' values."""

    num_chunks: int = 10
    """K; chunk k holds events [k N / K, (k + 1) N / K) of N, rounded down, so that they cover the
    window's quick phases in finer time."""
    normalization: Normalization = "none"
    """Applied to the counts that are not zero, over all chunks."""

    def __post_init__(self) -> None:
        if self.num_chunks < 1:
            raise ValueError(f"num_chunks must be at least 1, got {self.num_chunks}")
        check_choices(self)

    @property
    def num_channels(self) -> int:
        """ON and OFF of the oldest chunk, ON and OFF of the next, ..."""
        return 2 * self.num_chunks

    def build(self, packet: EventPacket) -> Grid:
        return count_chunks(packet, self)

    def network_input(
        self, packet: EventPacket, letterbox: Letterbox, out: Grid | None = None
    ) -> Grid:
        """Return the (2 K, height, width) float32 network input of a packet.

        An input cell counts the events of its pixels; where the sensor has fewer pixels than the
        input, it is the pixel under its centre. Cells outside the letterbox are 0. Normalisation
        comes last, over the input's cells.
        """
        check_sensor(packet, letterbox)
        out = grid_buffer((self.num_channels, letterbox.height, letterbox.width), out)
        if letterbox.scale <= 1:
            _scatter(packet, out, letterbox)
        else:
            sensor = packet.sensor
            planes = np.empty((self.num_channels, sensor.height, sensor.width), np.float32)
            _scatter(packet, planes)
            out[:] = 0
            rows, columns = letterbox.source_rows, letterbox.source_columns
            place(planes, rows, columns, *letterbox.content[:2], out)
        normalize(out.reshape(-1), self.normalization)
        return out


spec = CountChunksSpec


def published(encoder: str = "ecddp_way") -> CountChunksSpec:
    """Return the chunks of GEP's public code, which calls them ``ecddp_way``.

    Raises:
        ValueError: nothing is known of ``encoder``.
    """
    if encoder != "ecddp_way":
        raise ValueError(f"no count chunks of {encoder!r}; there is ecddp_way")
    return CountChunksSpec(num_chunks=10)


def count_chunks(packet: EventPacket, spec: CountChunksSpec, out: Grid | None = None) -> Grid:
    """Return the (2 K, H, W) float32 count chunks of a packet.

    Args:
        packet: Events of one window.
        spec: What to compute.
        out: (2 K, H, W) float32, C-contiguous, to overwrite instead of making a new array.
    """
    out = grid_buffer((spec.num_channels, packet.sensor.height, packet.sensor.width), out)
    _scatter(packet, out)
    normalize(out.reshape(-1), spec.normalization)
    return out


def count_chunks_reference(
    packet: EventPacket, spec: CountChunksSpec, letterbox: Letterbox | None = None
) -> Grid:
    """Return chunks or network input in plain numpy: the definition."""
    is_enlarged = letterbox is not None and letterbox.scale > 1
    edges = [k * len(packet) // spec.num_chunks for k in range(spec.num_chunks + 1)]
    chunks = []
    for first, last in itertools.pairwise(edges):
        events = packet.events[first:last]
        part = EventPacket(events, packet.sensor, packet.start_us, packet.end_us)
        chunks.append(count_reference(part, None if is_enlarged else letterbox))
    planes = np.concatenate(chunks).astype(np.float32)
    if letterbox is not None and is_enlarged:
        top, left, height, width = letterbox.content
        pixels = planes[:, letterbox.source_rows][:, :, letterbox.source_columns]
        planes = np.zeros((len(planes), letterbox.height, letterbox.width), np.float32)
        planes[:, top : top + height, left : left + width] = pixels
    return normalize_reference(planes, spec.normalization)


def _scatter(packet: EventPacket, out: Grid, letterbox: Letterbox | None = None) -> None:
    """Overwrite ``out`` (2 K, H, W) with counts, per input cell where there is a letterbox."""
    columns = letterbox.columns if letterbox else None
    rows = letterbox.rows if letterbox else None
    _scatter_chunks(packet.words, packet.sensor.width, columns, rows, out.reshape(len(out), -1))


@nb.njit(nogil=True, cache=True)
def _scatter_chunks(words: Words, width: int, columns: Any, rows: Any, out: Grid) -> None:
    """Overwrite ``out`` (2 K, N)."""
    num_planes, num_cells = out.shape
    num_chunks, flat = num_planes // 2, out.reshape(-1)
    for k in range(num_chunks):
        first, last = k * len(words) // num_chunks, (k + 1) * len(words) // num_chunks
        planes = flat[2 * k * num_cells :]
        scatter_counts(words[first:last], width, columns, rows, planes, num_cells, None)
