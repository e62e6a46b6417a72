"""Red and blue event image: counts of the stronger polarity, clipped at a percentile, on white.

Source: "Generative Event Pretraining with Foundation Model Alignment" (GEP), arXiv 2603.23032, and
the statistics of its public code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from events.packet import EventPacket
from events.representations.colors import Color, check_mean_and_std, mean_and_gain
from events.representations.counts import Counts, count_events, count_reference
from events.representations.eight_bit import (
    Quantization,
    quantize_reference,
    slack_of,
    to_level,
)
from events.representations.letterbox import Letterbox
from events.representations.representation import (
    Grid,
    Spec,
    check_choices,
    check_sensor,
    grid_buffer,
)
from events.representations.resample import Interpolation, resample, resample_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class RedBlueSpec(Spec):
    """Everything that decides a red and blue event image's values."""

    percentile: float = 99.0
    """Of the counts of a polarity that are not zero: the count that is full colour, and more."""
    quantization: Quantization = "truncate"
    """How the sensor's image becomes 8-bit, as it is stored."""
    interpolation: Interpolation = "bicubic_antialias"
    """From the sensor's size to the network's. The public code's crops are bicubic; the default is
    what that means in Pillow and in torchvision's transforms."""
    mean: Color = (0.0, 0.0, 0.0)
    """Of red, green and blue over the data set; subtracted from the image in [0, 1]."""
    std: Color = (1.0, 1.0, 1.0)
    """What the difference to ``mean`` is divided by."""

    def __post_init__(self) -> None:
        if not 0 < self.percentile <= 100:
            raise ValueError(f"percentile must lie in (0, 100], got {self.percentile}")
        check_mean_and_std(self.mean, self.std)
        check_choices(self)

    @property
    def num_channels(self) -> int:
        """Red, green, blue."""
        return 3

    def build(self, packet: EventPacket) -> Grid:
        return red_blue(packet, self)

    def network_input(
        self, packet: EventPacket, letterbox: Letterbox, out: Grid | None = None
    ) -> Grid:
        """Return the (3, height, width) float32 network input of a packet.

        The sensor's 8-bit image is interpolated to the letterbox's content and clipped to its
        range; cells outside the content are white. The mean and the deviation come last.
        """
        check_sensor(packet, letterbox)
        out = grid_buffer((3, letterbox.height, letterbox.width), out)
        sensor = packet.sensor
        if out.shape[1:] == (sensor.height, sensor.width):
            return red_blue(packet, self, out)
        image = np.empty((3, sensor.height, sensor.width), np.float32)
        _paint(packet, self, image)
        out[:] = 1
        # Each cell has one colour: red + blue - 1 is green, before and after interpolation.
        resample(image[::2], letterbox, self.interpolation, out[::2])
        _finish(out.reshape(3, -1), *mean_and_gain(self.mean, self.std))
        return out


spec = RedBlueSpec

STATISTICS: dict[str, tuple[float, Color, Color]] = {
    "dsec": (90, (0.8994, 0.7970, 0.8928), (0.2204, 0.2922, 0.2205)),
    "n_imagenet": (99, (0.9673, 0.9297, 0.9624), (0.1204, 0.1674, 0.1265)),
    "n_caltech101": (99, (0.9236, 0.8068, 0.8833), (0.1499, 0.2256, 0.1659)),
    "eventscape": (99, (0.9888, 0.9748, 0.9860), (0.0663, 0.0974, 0.0736)),
    "ddd17": (95, (0.9635, 0.9373, 0.9606), (0.1067, 0.1470, 0.1070)),
    "mvsec": (95, (0.8994, 0.7970, 0.8928), (0.2204, 0.2922, 0.2205)),
}
"""Percentile, mean and standard deviation of each data set as published; MVSEC has DSEC's."""


def published(data_set: str = "n_imagenet") -> RedBlueSpec:
    """Return the image on which GEP's encoders were trained, of one of its data sets.

    Raises:
        ValueError: there are no published figures of ``data_set``.
    """
    if data_set not in STATISTICS:
        raise ValueError(f"no statistics of {data_set!r}; there are {', '.join(STATISTICS)}")
    percentile, mean, std = STATISTICS[data_set]
    return RedBlueSpec(percentile=percentile, mean=mean, std=std)


def red_blue(packet: EventPacket, spec: RedBlueSpec, out: Grid | None = None) -> Grid:
    """Return the (3, H, W) float32 image of a packet: red for ON, blue for OFF, white for neither.

    Args:
        packet: Events of one window.
        spec: What to compute.
        out: (3, H, W) float32, C-contiguous, to overwrite instead of making a new array.
    """
    out = grid_buffer((3, packet.sensor.height, packet.sensor.width), out)
    _paint(packet, spec, out)
    _finish(out.reshape(3, -1), *mean_and_gain(spec.mean, spec.std))
    return out


def red_blue_reference(
    packet: EventPacket, spec: RedBlueSpec, letterbox: Letterbox | None = None
) -> Grid:
    """Return image or network input in plain numpy: the definition, in float64 inside."""
    shares = []
    for counts in count_reference(packet):
        full = np.percentile(counts[counts > 0], spec.percentile) if counts.any() else 1
        shares.append(np.minimum(counts, full) / full)
    is_on = shares[0] >= shares[1]
    on, off = shares[0] * is_on, shares[1] * ~is_on
    image = quantize_reference(np.stack([1 - off, 1 - on - off, 1 - on]), spec.quantization)
    if letterbox is not None:
        image = np.clip(resample_reference(image, letterbox, spec.interpolation, margin=1), 0, 1)
    mean, std = np.array([spec.mean, spec.std])[..., None, None]
    normalized: Grid = ((image - mean) / std).astype(np.float32)
    return normalized


def _paint(packet: EventPacket, spec: RedBlueSpec, out: Grid) -> None:
    """Write levels of red and blue to the first and last plane of ``out`` (3, H, W)."""
    # Counts lie where green and blue will: each cell is read before it is written.
    counts: Counts = out[1:].view(np.uint32)
    reached = np.zeros((2, len(packet) + 1), np.uint32)
    count_events(packet, counts, reached=reached)
    full_on, full_off = (percentile(plane, spec.percentile) for plane in reached)
    slack = slack_of(spec.quantization)
    _shade(counts.reshape(2, -1), full_on, full_off, slack, out.reshape(3, -1))


@nb.njit(nogil=True, cache=True)
def percentile(reached: npt.NDArray[np.uint32], percent: float) -> float:
    """Return the percentile of the cells that are not zero, linear between ranks; 1 if all are.

    Args:
        reached: (K,) how many cells have at least k events, for each k; of k = 0 it says nothing.
        percent: In (0, 100].
    """
    num = np.int64(reached[1]) if len(reached) > 1 else 0
    if num == 0:
        return 1.0
    position = percent / 100 * (num - 1)
    rank = int(position)
    low = 1
    while low + 1 < len(reached) and reached[low + 1] >= num - rank:
        low += 1
    high = low
    while high + 1 < len(reached) and reached[high + 1] >= max(num - rank - 1, 1):
        high += 1
    return low + (high - low) * (position - rank)


@nb.njit(nogil=True, cache=True)
def _shade(counts: Counts, full_on: float, full_off: float, slack: Any, out: Grid) -> None:
    """Write levels of red and blue to ``out`` (3, N), whose last two planes are ``counts`` (2, N).

    In two steps, of which the compiler makes vectors.
    """
    red, blue, zero, one = out[0], out[2], np.float32(0), np.float32(1)
    num_on, num_off = counts[0], counts[1]
    top_on, top_off = np.float32(full_on), np.float32(full_off)
    for i in range(len(red)):
        on = min(np.float32(num_on[i]) / top_on, one)
        off = min(np.float32(num_off[i]) / top_off, one)
        red[i] = on if on >= off else -off
    white = np.float32(255)
    for i in range(len(red)):
        share = red[i]
        blue[i] = to_level(white - max(share, zero) * white, slack)
        red[i] = to_level(white - max(-share, zero) * white, slack)


@nb.njit(nogil=True, cache=True)
def _finish(out: Grid, mean: npt.NDArray[np.float32], gain: npt.NDArray[np.float32]) -> None:
    """Clip red and blue of ``out`` (3, N), add green between them, then normalise all."""
    red, green, blue = out[0], out[1], out[2]
    zero, one = np.float32(0), np.float32(1)
    for i in range(len(red)):
        between = min(max(red[i] + blue[i] - one, zero), one)
        green[i] = (between - mean[1]) * gain[1]
        red[i] = (min(max(red[i], zero), one) - mean[0]) * gain[0]
        blue[i] = (min(max(blue[i], zero), one) - mean[2]) * gain[2]
