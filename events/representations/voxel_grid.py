"""Voxel grid: events summed into B planes of time, bilinear in time, nearest in space.

Source: Zhu et al., "Unsupervised Event-based Learning of Optical Flow, Depth, and Egomotion", CVPR 2019, eq. 1-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxelGridSpec:
    """Everything that decides a voxel grid's values."""

    num_bins: int = 5
    """B, planes in time (per polarity channel)."""
    polarity: Literal["signed", "two_channel"] = "signed"
    """Sum +1/-1 into B planes, or count ON into the first B planes and OFF into the next B."""
    placement: Literal["trailing", "closed"] = "trailing"
    """Where the planes lie in the window [start, end) of length W.

    ``trailing``: plane b at start + (b + 1) W / B. A window of stride k W / B is then a slice of a
    ring of absolute planes, exactly; events of the oldest bin fade in with their distance from the start.
    ``closed``: plane b at start + b W / (B - 1), as E2VID and DSEC do; every event has weight 1.
    """
    anchor: Literal["window", "events"] = "window"
    """Whether start and end are the window's or, as E2VID does, the first and the last event's."""
    normalization: Literal["none", "nonzero_mean_std", "nonzero_rms"] = "none"
    """Applied to the voxels that are not zero: subtract the mean and divide by the standard deviation
    (E2VID), or divide by the root mean square, which keeps the sign of every voxel."""

    def __post_init__(self) -> None:
        if self.num_bins < 1:
            raise ValueError(f"num_bins must be at least 1, got {self.num_bins}")
        if self.placement == "closed" and self.num_bins < 2:
            raise ValueError(f"closed placement needs at least 2 bins, got {self.num_bins}")

    @property
    def num_channels(self) -> int:
        return self.num_bins * (2 if self.polarity == "two_channel" else 1)

    def build(self, packet: EventPacket) -> npt.NDArray[np.float32]:
        return voxel_grid_reference(packet, self)


def voxel_grid_reference(packet: EventPacket, spec: VoxelGridSpec) -> npt.NDArray[np.float32]:
    """Return the (C, H, W) float32 voxel grid in plain numpy: the definition, in float64 inside."""
    height, width = packet.sensor.height, packet.sensor.width
    num_bins = spec.num_bins
    start_us, end_us = packet.start_us, packet.end_us
    if spec.anchor == "events" and len(packet):
        start_us, end_us = int(packet.t[0]), int(packet.t[-1])
    duration_us = max(end_us - start_us, 1)
    elapsed_us = (packet.t - start_us).astype(np.float64)
    if spec.placement == "trailing":
        position = elapsed_us * (num_bins / duration_us) - 1
    else:
        position = elapsed_us * ((num_bins - 1) / duration_us)
    left = np.floor(position).astype(np.int64)
    right_weight = position - left
    is_on = packet.p > 0
    sign = np.where(is_on, 1.0, -1.0) if spec.polarity == "signed" else np.ones(len(packet))
    channel = np.where(is_on, 0, num_bins) if spec.polarity == "two_channel" else np.zeros(len(packet), np.int64)
    cell = packet.y.astype(np.int64) * width + packet.x
    grid = np.zeros(spec.num_channels * height * width)
    for plane, weight in ((left, 1 - right_weight), (left + 1, right_weight)):
        inside = (plane >= 0) & (plane < num_bins)
        index = (channel + plane) * (height * width) + cell
        grid += np.bincount(index[inside], (sign * weight)[inside], minlength=len(grid))
    return normalize_reference(grid.reshape(-1, height, width).astype(np.float32), spec)


def normalize_reference(grid: npt.NDArray[np.float32], spec: VoxelGridSpec) -> npt.NDArray[np.float32]:
    """Return ``grid`` normalised over its non-zero voxels; unchanged where all are zero."""
    values = grid[grid != 0].astype(np.float64)
    if spec.normalization == "none" or not len(values):
        return grid
    if spec.normalization == "nonzero_rms":
        return (grid / np.sqrt(np.mean(values**2))).astype(np.float32)
    std = values.std()
    centred = np.where(grid != 0, grid - values.mean(), 0)
    return (centred / std if std > 0 else centred).astype(np.float32)
