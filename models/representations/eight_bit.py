"""The torch twin of ``events.representations.eight_bit``."""

from __future__ import annotations

from torch import Tensor

from events.representations.eight_bit import Quantization, slack_of


def quantized(levels: Tensor, quantization: Quantization) -> Tensor:
    """Return levels in [0, 1] as an 8-bit image has them, still in [0, 1]."""
    slack = slack_of(quantization)
    return levels if slack is None else (levels * 255 + float(slack)).floor() / 255
