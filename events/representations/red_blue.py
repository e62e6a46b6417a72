"""Red and blue event image: counts of the stronger polarity, clipped at a percentile, on white.

Source: "Generative Event Pretraining with Foundation Model Alignment" (GEP), arXiv 2603.23032, and
the statistics of its public code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numba as nb
import numpy as np
import numpy.typing as npt

from events.packet import EventPacket
from events.representations.counts import Counts, count_events, count_reference
from events.representations.letterbox import Letterbox
from events.representations.representation import (
    Grid,
    Spec,
    check_choices,
    check_sensor,
    grid_buffer,
)
from events.representations.resample import Interpolation, resample, resample_reference

Color = tuple[float, float, float]
BLACK, UNIT = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedBlueSpec(Spec):
    """Everything that decides a red and blue event image's values."""

    percentile: float = 99.0
    """Of the counts of a polarity that are not zero: the count that is full colour, and more."""
    quantization: Literal["truncate", "round", "none"] = "truncate"
    """How the sensor's image becomes 8-bit, as it is stored: the whole number below (numpy's
    conversion of 255 times the image), the nearest one, or not at all."""
    interpolation: Interpolation = "bicubic_antialias"
    """From the sensor's size to the network's. The default is what bicubic means in Pillow and in
    torchvision's transforms, with which the encoder was trained."""
    mean: Color = BLACK
    """Of red, green and blue over the data set; subtracted from the image in [0, 1]."""
    std: Color = UNIT
    """What the difference to ``mean`` is divided by."""

    def __post_init__(self) -> None:
        if not 0 < self.percentile <= 100:
            raise ValueError(f"percentile must lie in (0, 100], got {self.percentile}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError(
                f"mean and std must be 3 values each, std above 0, got {self.mean} and {self.std}"
            )
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
        if letterbox.content == (0, 0, sensor.height, sensor.width) == (0, 0, *out.shape[1:]):
            return red_blue(packet, self, out)
        image = np.empty((3, sensor.height, sensor.width), np.float32)
        _paint(packet, self, image, BLACK, UNIT)
        out[:] = 1
        # Each cell has one colour: red + blue - 1 is green, before and after interpolation.
        resample(image[::2], letterbox, self.interpolation, out[::2])
        _finish(out.reshape(3, -1), np.float32(self.mean), np.float32(1 / np.array(self.std)))
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
    _paint(packet, spec, out, spec.mean, spec.std)
    return out


def _paint(packet: EventPacket, spec: RedBlueSpec, out: Grid, mean: Color, std: Color) -> None:
    """Overwrite ``out`` (3, H, W) with the sensor's image."""
    # Counts lie where green and blue will: each cell is read before it is written.
    counts: Counts = out[1:].view(np.uint32)
    count_events(packet, counts)
    flat = counts.reshape(2, -1)
    on, off = (shares(clip_count(plane, spec.percentile)) for plane in flat)
    red, blue = paints(on, off, spec, mean, std)
    _color(flat, on, off, red, blue, out.reshape(3, -1))


def shares(full: float) -> npt.NDArray[np.float64]:
    """Return the share of full colour of each count from 0 to ``full``, its last and largest 1.

    Where no event has the polarity ``full`` is 0, and the only share that of no event.
    """
    if full == 0:
        return np.zeros(1)
    return np.minimum(np.arange(math.ceil(full) + 1), full) / full


def paints(
    on: npt.NDArray[np.float64], off: npt.NDArray[np.float64],
    spec: RedBlueSpec, mean: Color, std: Color,
) -> tuple[Grid, Grid]:  # fmt: skip
    """Return (n, 3) float32 network input of each count of ON alone, and of each of OFF alone."""
    on_shade, off_shade = (quantized(1 - share, spec.quantization) for share in (on, off))
    red = np.stack([np.ones_like(on), on_shade, on_shade], axis=1)
    blue = np.stack([off_shade, off_shade, np.ones_like(off)], axis=1)
    return np.float32((red - mean) / std), np.float32((blue - mean) / std)


def quantized(
    values: npt.NDArray[np.float64], quantization: Literal["truncate", "round", "none"]
) -> npt.NDArray[np.float64]:
    """Return values in [0, 1] as an 8-bit image has them, still in [0, 1]."""
    if quantization == "none":
        return values
    return (np.rint if quantization == "round" else np.floor)(values * 255) / 255


def red_blue_reference(
    packet: EventPacket, spec: RedBlueSpec, letterbox: Letterbox | None = None
) -> Grid:
    """Return image or network input in plain numpy: the definition, in float64 inside."""
    share = []
    for counts in count_reference(packet):
        full = np.percentile(counts[counts > 0], spec.percentile) if counts.any() else 1
        share.append(np.minimum(counts, full) / full)
    is_on = share[0] >= share[1]
    on, off = share[0] * is_on, share[1] * ~is_on
    image = quantized(np.stack([1 - off, 1 - on - off, 1 - on]), spec.quantization)
    if letterbox is not None:
        image = np.clip(resample_reference(image, letterbox, spec.interpolation, margin=1), 0, 1)
    mean, std = np.array([spec.mean, spec.std])[..., None, None]
    return ((image - mean) / std).astype(np.float32)


@nb.njit(nogil=True, cache=True)
def clip_count(counts: npt.NDArray[np.uint32], percentile: float) -> float:
    """Return the percentile of what is not zero in flat ``counts``, linear between; 0 if all is."""
    histogram = np.zeros(counts.max() + 1, np.int64)
    for i in range(len(counts)):
        if counts[i] != 0:  # most are zero, and would wait for one another
            histogram[counts[i]] += 1
    num = histogram.sum()
    if num == 0:
        return 0.0
    position = percentile / 100 * (num - 1)
    rank = int(position)
    low, num_below = 0, histogram[0]
    while num_below <= rank:
        low += 1
        num_below += histogram[low]
    high = low
    while num_below <= min(rank + 1, num - 1):
        high += 1
        num_below += histogram[high]
    # As numpy rounds it, so that 8-bit values agree.
    part = position - rank
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)


@nb.njit(nogil=True, cache=True)
def _color(counts: Counts, on: Any, off: Any, red: Grid, blue: Grid, out: Grid) -> None:
    """Write each cell's colour to ``out`` (3, N), whose last two planes ``counts`` (2, N) are."""
    last_on, last_off = np.uint32(len(on) - 1), np.uint32(len(off) - 1)
    for i in range(counts.shape[1]):
        num_on, num_off = min(counts[0, i], last_on), min(counts[1, i], last_off)
        if on[num_on] >= off[num_off]:
            out[0, i], out[1, i], out[2, i] = red[num_on, 0], red[num_on, 1], red[num_on, 2]
        else:
            out[0, i], out[1, i], out[2, i] = blue[num_off, 0], blue[num_off, 1], blue[num_off, 2]


@nb.njit(nogil=True, cache=True)
def _finish(out: Grid, mean: Grid, gain: Grid) -> None:
    """Clip red and blue of ``out`` (3, N), add green between them, then normalise all."""
    red, green, blue = out[0], out[1], out[2]
    zero, one = np.float32(0), np.float32(1)
    for i in range(len(red)):
        between = min(max(red[i] + blue[i] - one, zero), one)
        green[i] = (between - mean[1]) * gain[1]
        red[i] = (min(max(red[i], zero), one) - mean[0]) * gain[0]
        blue[i] = (min(max(blue[i], zero), one) - mean[2]) * gain[2]
