"""The torch twin of ``models.decode``: what the screen needs, worked out before it is copied back.

Labels are those of the host to the last pixel: the same operations in the same order, in float32.
A runtime that joins a product and a sum into one rounding may choose otherwise where two classes
are equal to seven digits. Depth is as float16 has it: within 0.05 %.
"""

# C classes, h x w a map of the network, H x W the sensor

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy.typing as npt
import torch
from torch import Tensor, nn

from events.representations.letterbox import Letterbox, Neighbours
from models.card import DEPTH_M, LABELS, ModelCard


class DeviceDecode(nn.Module):
    """Turns raw outputs into decoded ones; those that need no decoding pass.

    Args:
        card: Of the network.
        letterbox: That placed the sensor in the network's input.
        sizes: (h, w) of segmentation and depth, as far as the network has them.
    """

    def __init__(
        self, card: ModelCard, letterbox: Letterbox, sizes: Mapping[str, tuple[int, int]]
    ) -> None:
        super().__init__()
        self.least_m, self.most_m = card.depth_range_m
        between = {task: _Between(*letterbox.neighbours(size)) for task, size in sizes.items()}
        self.between = nn.ModuleDict(between)

    def forward(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``outputs`` with labels for segmentation and metres at the sensor for depth."""
        decoded = dict(outputs)
        if "segmentation" in decoded:
            decoded[LABELS] = self._labels(decoded.pop("segmentation")[0].float())[None]
        if "depth" in decoded:
            decoded[DEPTH_M] = self._depth_m(decoded.pop("depth")[0].float())
        return decoded

    def _labels(self, logits_Chw: Tensor) -> Tensor:
        """Return (H, W) uint8."""
        between = cast(_Between, self.between["segmentation"])
        best = logits_Chw.argmax(0)
        corners = between.corners(best)
        # A class that leads at all four neighbours leads everywhere between them.
        is_sure = (corners == corners[:1]).all(0)
        return torch.where(is_sure, corners[0], between(logits_Chw).argmax(0)).to(torch.uint8)

    def _depth_m(self, depth_1hw: Tensor) -> Tensor:
        """Return (1, H, W) float16."""
        valid = torch.where(depth_1hw.isnan(), self.most_m, depth_1hw)
        metres: Tensor = self.between["depth"](valid.clamp(self.least_m, self.most_m))
        return metres.half()


def map_sizes(outputs: Mapping[str, Tensor]) -> dict[str, tuple[int, int]]:
    """Return (h, w) of those of a network's raw outputs that are decoded at the sensor's pixels."""
    return {
        task: (outputs[task].shape[2], outputs[task].shape[3])
        for task in ("segmentation", "depth")
        if task in outputs
    }


class _Between(nn.Module):
    """Bilinear interpolation of a map at the sensor's pixels, as Letterbox does it."""

    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor
    bottom_weight: Tensor
    right_weight: Tensor

    def __init__(self, rows: Neighbours, columns: Neighbours) -> None:
        super().__init__()
        tables: dict[str, npt.NDArray[Any]] = {
            "top": rows[0], "bottom": rows[1], "bottom_weight": rows[2][:, None],
            "left": columns[0], "right": columns[1], "right_weight": columns[2],
        }  # fmt: skip
        for name, table in tables.items():
            self.register_buffer(name, torch.from_numpy(table.copy()), persistent=False)

    def forward(self, planes_Chw: Tensor) -> Tensor:
        """Return (C, H, W)."""
        left = planes_Chw.index_select(2, self.left)
        columns = left + (planes_Chw.index_select(2, self.right) - left) * self.right_weight
        top = columns.index_select(1, self.top)
        return top + (columns.index_select(1, self.bottom) - top) * self.bottom_weight

    def corners(self, map_hw: Tensor) -> Tensor:
        """Return (4, H, W): the values of the four neighbours of each pixel."""
        rows = [map_hw.index_select(0, index) for index in (self.top, self.bottom)]
        return torch.stack(
            [row.index_select(1, index) for row in rows for index in (self.left, self.right)]
        )
