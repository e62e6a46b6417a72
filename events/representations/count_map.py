"""Count map: events per pixel over the largest count, as a grey image in three equal channels.

Source: Jeong et al., "Expanding Event Modality Applications through a Robust CLIP-Based Encoder",
arXiv 2412.03093, and its public code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numba as nb
import numpy as np
import numpy.typing as npt

from events.packet import EventPacket
from events.representations.counts import Counts, count_events, count_reference
from events.representations.letterbox import Letterbox, place
from events.representations.representation import (
    Grid,
    Spec,
    check_choices,
    check_sensor,
    grid_buffer,
)

Form = Literal["release", "paper"]
FRAME_THRESHOLD, FRAME_CEILING = 10, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CountMapSpec(Spec):
    """Everything that decides a count map's values."""

    form: Form = "release"
    """``paper``: all events of a pixel over the largest such count plus 1, in [0, 1).
    ``release``: ON and OFF each so, brought to [-1, 1) by x -> 2 (x - 0.5), and their mean. It is
    the default because the published weights were trained on it."""
    num_events: int | None = None
    """Only the window's newest so many events count; None counts all."""

    def __post_init__(self) -> None:
        if self.num_events is not None and self.num_events < 1:
            raise ValueError(f"num_events must be at least 1 or None, got {self.num_events}")
        check_choices(self)

    @property
    def num_channels(self) -> int:
        """Three times the same, for networks of colour images."""
        return 3

    def build(self, packet: EventPacket) -> Grid:
        return count_map(packet, self)

    def network_input(
        self, packet: EventPacket, letterbox: Letterbox, out: Grid | None = None
    ) -> Grid:
        """Return the (3, height, width) float32 network input of a packet.

        An input cell counts the events of its pixels, as in the release, which scales the events'
        coordinates (each axis by itself; here both by one factor); where the sensor has fewer
        pixels than the input, it is the pixel under its centre. Cells outside the letterbox are as
        those without events.
        """
        check_sensor(packet, letterbox)
        out = grid_buffer((3, letterbox.height, letterbox.width), out)
        if letterbox.scale <= 1:
            count_events(packet, _counts(out), letterbox=letterbox, num_newest=self.num_events)
            _level(_counts(out).reshape(2, -1), self.form == "release", out.reshape(3, -1))
            return out
        pixels = count_map(packet, self)[:1]
        out[0] = -1 if self.form == "release" else 0
        rows, columns = letterbox.source_rows, letterbox.source_columns
        place(pixels, rows, columns, *letterbox.content[:2], out[:1])
        out[1:] = out[0]
        return out


spec = CountMapSpec


def published(encoder: str = "event_clip") -> CountMapSpec:
    """Return the count map on which the published CLIP event encoders were trained.

    Raises:
        ValueError: nothing is known of ``encoder``.
    """
    if encoder != "event_clip":
        raise ValueError(f"no count map of {encoder!r}; there is event_clip")
    return CountMapSpec(form="release", num_events=30_000)


def count_map(packet: EventPacket, spec: CountMapSpec, out: Grid | None = None) -> Grid:
    """Return the (3, H, W) float32 count map of a packet.

    Args:
        packet: Events of one window.
        spec: What to compute.
        out: (3, H, W) float32, C-contiguous, to overwrite instead of making a new array.
    """
    out = grid_buffer((3, packet.sensor.height, packet.sensor.width), out)
    count_events(packet, _counts(out), num_newest=spec.num_events)
    _level(_counts(out).reshape(2, -1), spec.form == "release", out.reshape(3, -1))
    return out


def count_map_reference(
    packet: EventPacket, spec: CountMapSpec, letterbox: Letterbox | None = None
) -> Grid:
    """Return map or network input in plain numpy: the definition, in float64 inside."""
    is_enlarged = letterbox is not None and letterbox.scale > 1
    counts = count_reference(packet, None if is_enlarged else letterbox, spec.num_events)
    if spec.form == "paper":
        level = counts.sum(axis=0) / (counts.sum(axis=0).max() + 1)
    else:
        level = np.mean([2 * (count / (count.max() + 1) - 0.5) for count in counts], axis=0)
    if letterbox is not None and is_enlarged:
        top, left, height, width = letterbox.content
        pixels = level[letterbox.source_rows][:, letterbox.source_columns]
        level = np.full(
            (letterbox.height, letterbox.width), -1.0 if spec.form == "release" else 0.0
        )
        level[top : top + height, left : left + width] = pixels
    return np.repeat(level[None], 3, axis=0).astype(np.float32)


def video_count_map(frames: npt.NDArray[np.uint8], form: Form = "release") -> Grid:
    """Return the (3, H, W) float32 map of a video: pixels by how often they changed.

    Each frame whose grey value differs from the one before by more than 10 of 255 is an event of
    the pixel; they are summed, cut off at 10 and divided by the largest sum. As the paper has it,
    this needs no retraining: the map stands for a count map.

    Args:
        frames: (T, H, W) uint8, grey, 2 or more; the paper takes stacks of 16.
        form: ``release`` brings [0, 1] to [-1, 1], as the encoder is used to.

    Raises:
        ValueError: ``frames`` has another shape or type.
    """
    if frames.ndim != 3 or len(frames) < 2 or frames.dtype != np.uint8:
        raise ValueError(
            f"frames must be (T, H, W) uint8 with T at least 2, got {frames.dtype} of shape "
            f"{frames.shape}"
        )
    later, before = frames[1:], frames[:-1]
    difference = np.maximum(later, before) - np.minimum(later, before)
    sums = np.minimum((difference > FRAME_THRESHOLD).sum(axis=0), FRAME_CEILING)
    level = sums / max(sums.max(), 1)
    if form == "release":
        level = 2 * (level - 0.5)
    return np.repeat(level[None], 3, axis=0).astype(np.float32)


def _counts(out: Grid) -> Counts:
    """Return the last two planes of ``out`` as the memory of counts."""
    return out[1:].view(np.uint32)


@nb.njit(nogil=True, cache=True)
def _level(counts: Counts, is_release: bool, out: Grid) -> None:
    """Write the map to each plane of ``out`` (3, N), whose last two ``counts`` (2, N) are."""
    on, off, level = counts[0], counts[1], out[0]
    if is_release:
        on_gain = np.float32(1 / (np.float64(on.max()) + 1))
        off_gain = np.float32(1 / (np.float64(off.max()) + 1))
        for i in range(len(level)):
            level[i] = np.float32(on[i]) * on_gain + np.float32(off[i]) * off_gain - np.float32(1)
    else:
        largest = np.uint32(0)
        for i in range(len(level)):
            largest = max(largest, on[i] + off[i])
        gain = np.float32(1 / (np.float64(largest) + 1))
        for i in range(len(level)):
            level[i] = np.float32(on[i] + off[i]) * gain
    out[1] = level
    out[2] = level
