"""Voxel image: a voxel grid of three bins as an 8-bit colour image, normalised like photographs.

Source: "Scaling Dense Event-Stream Pretraining from Visual Foundation Models" (ScaleEvent),
arXiv 2603.03969. Its renderer is not public; see ``VoxelImageSpec.encoding`` for what stands in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numba as nb
import numpy as np

from events.packet import EventPacket
from events.representations.colors import Color, check_mean_and_std, mean_and_gain
from events.representations.eight_bit import (
    Quantization,
    quantize_reference,
    slack_of,
    to_level,
)
from events.representations.letterbox import Letterbox
from events.representations.normalization import Values, moments
from events.representations.representation import (
    Grid,
    Spec,
    check_choices,
    check_sensor,
    grid_buffer,
)
from events.representations.resample import Interpolation, resample, resample_reference
from events.representations.voxel_grid import VoxelGridSpec, scatter_packet, voxel_grid_reference

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP_RMS = 3.0
RAW = (np.zeros(3, np.float32), np.ones(3, np.float32))
"""Mean and gain of levels that are not normalised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxelImageSpec(Spec):
    """Everything that decides a voxel image's values."""

    encoding: Literal["min_max", "rms"] = "min_max"
    """How a signed voxel becomes a level in [0, 1].

    ``min_max``: 0 for the window's least voxel, 1 for its largest. The default, as renderers of
    this layout of three bins do (EventSAM's data); the paper's own rule is not published.
    ``rms``: 0.5 without events, 0 and 1 at three times the root mean square of the voxels that are
    not zero, so that a hot pixel does not darken the rest.
    Where all voxels are equal the level is 0.5."""
    quantization: Quantization = "truncate"
    """How levels become 8-bit. The JPEG compression of the published files is not imitated."""
    placement: Literal["trailing", "closed"] = "closed"
    """As in VoxelGridSpec."""
    anchor: Literal["window", "events"] = "events"
    """As in VoxelGridSpec."""
    interpolation: Interpolation = "bilinear_antialias"
    """From the sensor's size to the network's; the default loses no event where that is smaller,
    and is plain bilinear where it is larger, as in training (480x640 to 960x1280)."""
    mean: Color = IMAGENET_MEAN
    """Subtracted from each bin's level."""
    std: Color = IMAGENET_STD
    """What the difference to ``mean`` is divided by."""

    def __post_init__(self) -> None:
        check_mean_and_std(self.mean, self.std)
        check_choices(self)

    @property
    def num_channels(self) -> int:
        """One for each bin, oldest first."""
        return 3

    @property
    def voxels(self) -> VoxelGridSpec:
        """The signed voxel grid that is encoded; what the activity mask is made of."""
        return _voxels(self.placement, self.anchor)

    def build(self, packet: EventPacket) -> Grid:
        return voxel_image(packet, self)

    def network_input(
        self, packet: EventPacket, letterbox: Letterbox, out: Grid | None = None
    ) -> Grid:
        """Return the (3, height, width) float32 network input of a packet.

        The sensor's 8-bit image is interpolated to the letterbox's content; cells outside it have
        the level of a voxel without events. The mean and the deviation come last.
        """
        check_sensor(packet, letterbox)
        out = grid_buffer((3, letterbox.height, letterbox.width), out)
        sensor = packet.sensor
        if out.shape[1:] == (sensor.height, sensor.width):
            return voxel_image(packet, self, out)
        image = np.empty((3, sensor.height, sensor.width), np.float32)
        out[:] = _encode_packet(packet, self, image)
        resample(image, letterbox, self.interpolation, out)
        _standardize(out.reshape(3, -1), *mean_and_gain(self.mean, self.std))
        return out


spec = VoxelImageSpec


def published(encoder: str = "scale_event") -> VoxelImageSpec:
    """Return the voxel image of ScaleEvent's encoders, with our stand-in for its 8-bit encoding.

    Raises:
        ValueError: nothing is known of ``encoder``.
    """
    if encoder != "scale_event":
        raise ValueError(f"no voxel image of {encoder!r}; there is scale_event")
    return VoxelImageSpec()


def voxel_image(packet: EventPacket, spec: VoxelImageSpec, out: Grid | None = None) -> Grid:
    """Return the (3, H, W) float32 voxel image of a packet.

    Args:
        packet: Events of one window.
        spec: What to compute.
        out: (3, H, W) float32, C-contiguous, to overwrite instead of making a new array.
    """
    out = grid_buffer((3, packet.sensor.height, packet.sensor.width), out)
    _encode_packet(packet, spec, out, mean_and_gain(spec.mean, spec.std))
    return out


def voxel_image_reference(
    packet: EventPacket, spec: VoxelImageSpec, letterbox: Letterbox | None = None
) -> Grid:
    """Return image or network input in plain numpy: the definition, in float64 inside."""
    voxels = voxel_grid_reference(packet, spec.voxels).astype(np.float64)
    low, high = voxels.min(), voxels.max()
    if spec.encoding == "rms":
        high = CLIP_RMS * np.sqrt(np.mean(voxels[voxels != 0] ** 2)) if voxels.any() else 0
        low = -high
    # The last value is that of a voxel without events.
    values = np.append(voxels, 0)
    levels = np.clip((values - low) / (high - low), 0, 1) if high > low else 0 * values + 0.5
    levels = quantize_reference(levels, spec.quantization)
    image = levels[:-1].reshape(voxels.shape)
    if letterbox is not None:
        image = resample_reference(image, letterbox, spec.interpolation, margin=levels[-1])
    mean, std = np.array([spec.mean, spec.std])[..., None, None]
    normalized: Grid = ((image - mean) / std).astype(np.float32)
    return normalized


def _encode_packet(
    packet: EventPacket, spec: VoxelImageSpec, out: Grid, colors: tuple[Values, Values] = RAW
) -> float:
    """Overwrite ``out`` (3, H, W) with levels, normalised, and return an empty voxel's raw one."""
    flat = out.reshape(-1)
    scatter_packet(packet, spec.voxels, flat, num_cells=out[0].size)
    if spec.encoding == "min_max":
        low, high = float(flat.min()), float(flat.max())
    else:
        count, _, squares = moments(flat)
        high = CLIP_RMS * math.sqrt(squares / max(count, 1))
        low = -high
    # Where all is equal, the level of all is that of the middle.
    gain = np.float32(255 / (high - low) if high > low else 0)
    offset = np.float32(-low * float(gain) if high > low else 127.5)
    slack, empty = slack_of(spec.quantization), np.zeros((1, 1), np.float32)
    _encode(empty, gain, offset, slack, *RAW)
    _encode(out.reshape(3, -1), gain, offset, slack, *colors)
    return float(empty[0, 0])


@lru_cache
def _voxels(
    placement: Literal["trailing", "closed"], anchor: Literal["window", "events"]
) -> VoxelGridSpec:
    """Return a Spec once: its checks cost as much as 30,000 events."""
    return VoxelGridSpec(num_bins=3, placement=placement, anchor=anchor)


@nb.njit(nogil=True, cache=True)
def _encode(
    planes: Grid, gain: np.float32, offset: np.float32, slack: Any, mean: Values, color_gain: Values
) -> None:
    """Overwrite ``planes`` (R, N) by the levels of ``gain * value + offset`` of 255, normalised."""
    zero, white = np.float32(0), np.float32(255)
    for k in range(len(planes)):
        row, shift, factor = planes[k], mean[k], color_gain[k]
        for i in range(len(row)):
            step = min(max(row[i] * gain + offset, zero), white)
            row[i] = (to_level(step, slack) - shift) * factor


@nb.njit(nogil=True, cache=True)
def _standardize(planes: Grid, mean: Values, gain: Values) -> None:
    for k in range(len(planes)):
        row, shift, factor = planes[k], mean[k], gain[k]
        for i in range(len(row)):
            row[i] = (row[i] - shift) * factor
