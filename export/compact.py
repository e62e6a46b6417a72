"""Compact engines: weights kept in half precision where that loses nothing, computed in float32.

A model is often kept in half precision (a recipe's ``file_dtype``). Its engine is twice as large
only because torch's exporter multiplies the scales of batch norms into the weights before them, and
no product fits into 16 bits. Here the scales stay by themselves, and runtimes multiply them in when
they load: nothing is slower.
"""

from __future__ import annotations

import copy

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn


class Affine(nn.Module):
    """What a batch norm does once it learns no more: (B, C, H, W) times a scale, and a shift."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        deviation = (norm.running_var + norm.eps).sqrt()
        scale = (norm.weight if norm.affine else torch.ones_like(deviation)) / deviation
        bias = norm.bias if norm.affine else torch.zeros_like(deviation)
        self.register_buffer("scale", scale.detach()[:, None, None])
        self.register_buffer("shift", (bias - norm.running_mean * scale).detach()[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return x * self.get_buffer("scale") + self.get_buffer("shift")


def with_scales_apart(module: nn.Module) -> nn.Module:
    """Return a copy of a module in eval mode whose batch norms no exporter folds into weights."""
    module = copy.deepcopy(module)
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, Affine(child))
    return module


def store_halves(model: onnx.ModelProto) -> float:
    """Store the graph's float32 constants as float16 where every value stays what it is.

    Returns:
        The share of their bytes that became half as many.
    """
    graph = model.graph
    stored, casts, num_halved, num_bytes = [], [], 0, 0
    for item in graph.initializer:
        half = _half(item)
        num_bytes += len(item.raw_data) if item.data_type == onnx.TensorProto.FLOAT else 0
        if half is None:
            stored.append(item)
            continue
        num_halved += len(item.raw_data)
        stored.append(half)
        casts.append(helper.make_node("Cast", [half.name], [item.name], to=item.data_type))
    nodes = list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(stored)
    graph.node.extend([*casts, *nodes])
    return num_halved / max(num_bytes, 1)


def _half(item: onnx.TensorProto) -> onnx.TensorProto | None:
    """Return a constant as float16, by another name; None where it is of another type or value."""
    if item.data_type != onnx.TensorProto.FLOAT:
        return None
    exact = numpy_helper.to_array(item)
    with np.errstate(over="ignore"):
        half = exact.astype(np.float16)
    if not np.array_equal(half.astype(np.float32), exact):
        return None
    return numpy_helper.from_array(half, f"{item.name}_half")
