"""Learning rates by depth: what is near the input, and general, moves least.

Sources: layer decay as in Bao et al., "BEiT", ICLR 2022; grafted rates as in Jiang et al.,
"Layer Grafted Pre-training", ICLR 2023, with EventPretrain's scales (arXiv 2508.05507).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from models.masking import MaskableEncoder
from training.optim import ParameterGroup, other_parameters

GRAFTED_SCALES = (0.01, 0.1, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRates:
    """How the learning rate depends on an encoder's layer."""

    kind: Literal["uniform", "decay", "grafted"] = "uniform"
    """``decay`` lowers it by a factor with each layer towards the input; ``grafted`` has one
    hundredth in the lower third of the attention blocks and all before them, a tenth in the middle
    third, all of it in the upper."""
    decay: float = 0.75
    """That factor."""

    def __post_init__(self) -> None:
        if not 0 < self.decay <= 1:
            raise ValueError(f"rates.decay must lie in (0, 1], got {self.decay}")

    def scale(self, layer: int, encoder: MaskableEncoder) -> float:
        """Return the factor of the ``layer``-th of the encoder's layers."""
        last = len(encoder.layers()) - 1
        if self.kind == "uniform":
            return 1.0
        if self.kind == "decay":
            return float(self.decay ** (last - layer))
        block = max(layer - (last + 1 - encoder.num_blocks), 0)
        return GRAFTED_SCALES[block * len(GRAFTED_SCALES) // encoder.num_blocks]


def layer_groups(
    method: nn.Module, encoder: MaskableEncoder, rates: LayerRates
) -> list[ParameterGroup]:
    """Return all parameters of ``method``; what is in no layer of ``encoder`` has the full rate."""
    groups = []
    for i, layer in enumerate(encoder.layers()):
        values = tuple(value for part in layer for value in part.parameters())
        groups.append(ParameterGroup(parameters=values, lr_scale=rates.scale(i, encoder)))
    in_layers = [value for group in groups for value in group.parameters]
    return [*groups, ParameterGroup(parameters=other_parameters(method, in_layers))]
