"""Voxel grid: events summed into B planes of time, bilinear in time, nearest in space.

Source: Zhu et al., "Unsupervised Event-based Learning of Optical Flow, Depth, and Egomotion",
CVPR 2019, eq. 1-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket
from events.representations.letterbox import Letterbox, place
from events.representations.normalization import Normalization, normalize, normalize_reference
from events.representations.representation import Spec, check_choices, check_sensor, grid_buffer
from events.representations.scatter import scatter_window


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxelGridSpec(Spec):
    """Everything that decides a voxel grid's values."""

    num_bins: int = 5
    """B, planes in time (per polarity channel)."""
    polarity: Literal["signed", "two_channel"] = "signed"
    """Sum +1/-1 into B planes, or count ON into the first B planes and OFF into the next B."""
    placement: Literal["trailing", "closed"] = "trailing"
    """Where the planes lie in the window [start, end) of length W.

    ``trailing``: plane b at start + (b + 1) W / B. A window of stride k W / B is then a slice of a
    ring of absolute planes, exactly; events of the oldest bin fade in with their distance from
    the start.
    ``closed``: plane b at start + b W / (B - 1), as E2VID and DSEC do; every event has weight 1.
    """
    anchor: Literal["window", "events"] = "window"
    """Whether start and end are the window's or, as E2VID does, the first and the last event's."""
    normalization: Normalization = "none"
    """Applied to the voxels that are not zero: subtract the mean and divide by the standard
    deviation (E2VID), or divide by the root mean square, which keeps the sign of every voxel."""

    def __post_init__(self) -> None:
        if self.num_bins < 1:
            raise ValueError(f"num_bins must be at least 1, got {self.num_bins}")
        check_choices(self)
        if self.placement == "closed" and self.num_bins < 2:
            raise ValueError(f"closed placement needs at least 2 bins, got {self.num_bins}")

    @property
    def num_channels(self) -> int:
        return self.num_bins * (2 if self.polarity == "two_channel" else 1)

    def build(self, packet: EventPacket) -> npt.NDArray[np.float32]:
        return voxel_grid(packet, self)

    def network_input(
        self,
        packet: EventPacket,
        letterbox: Letterbox,
        out: npt.NDArray[np.float32] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Return the (C, height, width) float32 network input of a packet.

        An input cell is the sum of its sensor pixels; where the sensor has fewer pixels than the
        input, the value of the pixel under its centre. Cells outside the letterbox are 0.
        Normalisation comes last, over the input's cells.
        """
        check_sensor(packet, letterbox)
        height, width = letterbox.height, letterbox.width
        out = grid_buffer((self.num_channels, height, width), out)
        flat = out.reshape(-1)
        if letterbox.scale <= 1:
            scatter_packet(
                packet, self, flat,
                num_cells=height * width, columns=letterbox.columns, rows=letterbox.rows,
            )  # fmt: skip
        else:
            sensor = packet.sensor
            planes = np.empty((self.num_channels, sensor.height, sensor.width), np.float32)
            scatter_packet(packet, self, planes.reshape(-1), num_cells=sensor.height * sensor.width)
            out[:] = 0
            rows, columns = letterbox.source_rows, letterbox.source_columns
            place(planes, rows, columns, *letterbox.content[:2], out)
        normalize(flat, self.normalization)
        return out


spec = VoxelGridSpec


def published(encoder: str = "event_pretrain") -> VoxelGridSpec:
    """Return the voxel grid on which a published encoder was trained.

    ``event_pretrain`` ("Revealing Latent Information: A Physics-inspired Self-supervised
    Pre-training Framework for Noisy and Sparse Events"): 5 signed bins, an event of polarity +-1
    shared between the two next to t* = (5 - 1) (t - t0) / (t1 - t0), with t0 and t1 the first and
    the last event's time; not normalised. The release brings such grids to the network's size by
    the nearest pixel; a cell of ours is the sum of its pixels, and loses none.

    Raises:
        ValueError: nothing is known of ``encoder``.
    """
    if encoder != "event_pretrain":
        raise ValueError(f"no voxel grid of {encoder!r}; there is event_pretrain")
    return VoxelGridSpec(num_bins=5, polarity="signed", placement="closed", anchor="events")


def voxel_grid(
    packet: EventPacket, spec: VoxelGridSpec, out: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[np.float32]:
    """Return the (C, H, W) float32 voxel grid of a packet, whose span is the window.

    Never changes its input. Without events the grid is zero. One event, or events of one instant,
    have a weight that depends only on where they lie in the window; anchored on the events
    themselves they all lie at its start: in plane 0 with weight 1 if ``closed``, and with weight 0,
    an all-zero grid, if ``trailing``.

    Args:
        packet: Events of one window.
        spec: What to compute.
        out: (C, H, W) float32, C-contiguous, to overwrite instead of making a new array.
    """
    height, width = packet.sensor.height, packet.sensor.width
    out = grid_buffer((spec.num_channels, height, width), out)
    flat = out.reshape(-1)
    scatter_packet(packet, spec, flat, num_cells=height * width)
    normalize(flat, spec.normalization)
    return out


def scatter_packet(
    packet: EventPacket,
    spec: VoxelGridSpec,
    planes: npt.NDArray[np.float32],
    *,
    num_cells: int,
    columns: npt.NDArray[np.uint32] | None = None,
    rows: npt.NDArray[np.uint32] | None = None,
) -> None:
    """Overwrite flat ``planes`` with the packet's grid, not normalised; see ``scatter_window``."""
    start_us, end_us = packet.start_us, packet.end_us
    if spec.anchor == "events" and len(packet):
        start_us, end_us = int(packet.t[0]), int(packet.t[-1])
    is_trailing = spec.placement == "trailing"
    scatter_window(
        packet.words,
        start_us,
        max(end_us - start_us, 1),
        spec.num_bins if is_trailing else spec.num_bins - 1,
        is_trailing,
        False,
        packet.sensor.width,
        columns,
        rows,
        spec.num_bins * num_cells if spec.polarity == "two_channel" else None,
        planes,
        num_cells,
    )


def voxel_grid_reference(packet: EventPacket, spec: VoxelGridSpec) -> npt.NDArray[np.float32]:
    """Return the (C, H, W) float32 voxel grid in plain numpy: the definition, in float64 inside."""
    height, width = packet.sensor.height, packet.sensor.width
    num_bins = spec.num_bins
    start_us, end_us = packet.start_us, packet.end_us
    if spec.anchor == "events" and len(packet):
        start_us, end_us = int(packet.t[0]), int(packet.t[-1])
    duration_us = max(end_us - start_us, 1)
    num_intervals = num_bins if spec.placement == "trailing" else num_bins - 1
    # In whole numbers, so that an event on a plane has no trace of a weight in the next one.
    left, remainder = np.divmod((packet.t - start_us) * num_intervals, duration_us)
    right_weight = remainder / duration_us
    if spec.placement == "trailing":
        left -= 1
    is_on = packet.p > 0
    sign = np.where(is_on, 1.0, -1.0) if spec.polarity == "signed" else np.ones(len(packet))
    channel = (
        np.where(is_on, 0, num_bins)
        if spec.polarity == "two_channel"
        else np.zeros(len(packet), np.int64)
    )
    cell = packet.y.astype(np.int64) * width + packet.x
    grid = np.zeros(spec.num_channels * height * width)
    for plane, weight in ((left, 1 - right_weight), (left + 1, right_weight)):
        inside = (plane >= 0) & (plane < num_bins)
        index = (channel + plane) * (height * width) + cell
        grid += np.bincount(index[inside], (sign * weight)[inside], minlength=len(grid))
    planes = grid.reshape(-1, height, width).astype(np.float32)
    return normalize_reference(planes, spec.normalization)
