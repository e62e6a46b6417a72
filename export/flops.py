"""Floating-point operations of one window: what a graph's layers multiply and add.

Counted are convolutions (also transposed ones), Gemm and MatMul, attention's products among them:
two for each multiplication with its addition. Not counted: biases, norms, activation functions,
resizing, all that only moves data; together a few percent of a network. Operations in int8 count
alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx

from export.graph_runs import run_graph
from export.onnx_shapes import GRID

COUNTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
Shape = tuple[int, ...]


class UnknownShapeError(ValueError):
    """The graph does not say how large a tensor is that counts."""


def count_flops(model: onnx.ModelProto, grid_shape: Shape | None = None) -> int:
    """Return the operations of one run.

    Args:
        model: A graph whose shapes can be inferred, unless ``grid_shape`` is given.
        grid_shape: (C, H, W) of a grid to run a graph of open axes on, to see its shapes.

    Raises:
        UnknownShapeError: a shape that counts is not known.
    """
    shapes = _inferred(model) if grid_shape is None else _seen(model, grid_shape)
    return sum(_node_flops(node, shapes) for node in model.graph.node)


def _node_flops(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int:
    def shape(name: str) -> Shape:
        if name not in shapes:
            raise UnknownShapeError(f"the shape of {name}, of {node.op_type}, is not known")
        return shapes[name]

    if node.op_type == "Conv":
        return 2 * math.prod(shape(node.output[0])) * math.prod(shape(node.input[1])[1:])
    if node.op_type == "ConvTranspose":
        return 2 * math.prod(shape(node.input[0])) * math.prod(shape(node.input[1])[1:])
    if node.op_type == "MatMul":
        return 2 * math.prod(shape(node.output[0])) * shape(node.input[0])[-1]
    if node.op_type == "Gemm":
        is_transposed = any(item.name == "transA" and item.i for item in node.attribute)
        return (
            2 * math.prod(shape(node.output[0])) * shape(node.input[0])[0 if is_transposed else 1]
        )
    return 0


def _inferred(model: onnx.ModelProto) -> dict[str, Shape]:
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {item.name: tuple(item.dims) for item in inferred.initializer}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        axes = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(a.HasField("dim_value") for a in axes):
            shapes[value.name] = tuple(axis.dim_value for axis in axes)
    return shapes


def _seen(model: onnx.ModelProto, grid_shape: Shape) -> dict[str, Shape]:
    shapes = {item.name: tuple(item.dims) for item in model.graph.initializer}
    counted = [node for node in model.graph.node if node.op_type in COUNTED]
    names = {name for node in counted for name in (*node.input[:2], node.output[0])}
    wanted = sorted(names - set(shapes))
    (found,) = run_graph(model, [[{GRID: np.zeros((1, *grid_shape), np.float32)}]], wanted)
    return shapes | {name: found[name].shape for name in wanted}
