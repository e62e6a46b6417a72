"""Engines of any batch and input size: which axes of the graph are left open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx
import torch
from torch import Tensor
from torch.export import Dim

from export.input_size import BATCH, HEIGHT, WIDTH
from models.card import ModelCard
from models.encoders.encoder import Encoder

EXAMPLE_BATCH = EXAMPLE_CELLS = 2
"""What torch.export sees: a size of 1 would be taken for one that never changes."""


def check_any_size(card: ModelCard, encoders: Sequence[Encoder]) -> None:
    """Refuse a network of which a part can only be of one size.

    Raises:
        ValueError: the message says which part and why.
    """
    reasons = [each.one_size_reason for each in encoders if each.one_size_reason]
    if card.is_streaming:
        reasons.append("its memory holds the tokens of one size")
    if card.input == "events":
        reasons.append("the place of each of the sensor's pixels stands in its graph")
    if reasons:
        raise ValueError(
            f"{card.name} cannot be exported for any size: {reasons[0]}; leave --dynamic out"
        )
    assert all(card.size_multiple % each.strides[-1] == 0 for each in encoders)


def any_size_example(card: ModelCard) -> Tensor:
    """Return a grid input for torch.export to trace."""
    least = EXAMPLE_CELLS * card.size_multiple
    size = (max(card.input_height, least), max(card.input_width, least))
    return torch.zeros(EXAMPLE_BATCH, card.spec.num_channels, *size)


def any_size_axes(card: ModelCard) -> dict[int, Any]:
    """Return the grid input's open axes, as torch.export takes them."""
    rows, columns = Dim("rows", min=1), Dim("columns", min=1)
    return {
        0: Dim(BATCH, min=1),
        2: card.size_multiple * rows,
        3: card.size_multiple * columns,
    }


def name_open_axes(model: onnx.ModelProto) -> None:
    """Name the axes of the grid input, whatever torch calls them, so that they can be set."""
    batch, _, height, width = model.graph.input[0].type.tensor_type.shape.dim
    for axis, name in ((batch, BATCH), (height, HEIGHT), (width, WIDTH)):
        axis.dim_param = name
    del model.graph.value_info[:]  # they speak of torch's names
