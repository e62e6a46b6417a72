"""The layers of a graph: the nodes that multiply by weights, named as their modules."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import onnx

NAME_SCOPES = "pkg.torch.onnx.name_scopes"
"""Where torch leaves, with each node, the modules that it lies in."""
WRAPPERS = ("inner.module.", "module.")
"""How names begin inside the graphs that wrap a network for an engine: of raw events, and of
grids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One convolution or matrix product by a weight."""

    name: str
    """Of its module, such as ``encoder.stem.0``."""
    node: str
    operator: str
    """Conv, MatMul or Gemm."""
    activation: str
    """Name of the tensor that is multiplied."""
    weight: str
    """Name of the initializer."""
    channel_axis: int
    """Of the weight: along which lie the output's channels."""
    outputs: tuple[str, ...]


def layers_of(model: onnx.ModelProto) -> list[Layer]:
    """Return the layers in the graph's order.

    Products of two activations, as in attention, are none: there is no weight to make smaller, and
    softmax's shares, mostly near 0, suffer most from eight bits.
    """
    dims = {item.name: len(item.dims) for item in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if node.op_type not in ("Conv", "MatMul", "Gemm") or node.input[1] not in dims:
            continue
        weight = node.input[1]
        is_rows = node.op_type == "Conv" or _is_transposed(node)
        found.append(
            Layer(
                name=_name(node, weight),
                node=node.name,
                operator=node.op_type,
                activation=node.input[0],
                weight=weight,
                channel_axis=0 if is_rows else dims[weight] - 1,
                outputs=tuple(node.output),
            )
        )
    return found


def drop_traces(model: onnx.ModelProto) -> None:
    """Leave of what torch notes with each node only the modules: the rest tells of files here."""
    for node in model.graph.node:
        kept = [item for item in node.metadata_props if item.key == NAME_SCOPES]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)


def _is_transposed(node: onnx.NodeProto) -> bool:
    return any(item.name == "transB" and item.i for item in node.attribute)


def module_of(node: onnx.NodeProto) -> str:
    """Return the module that a node came from, such as ``heads.depth``; empty if none is noted."""
    for item in node.metadata_props:
        if item.key == NAME_SCOPES:
            modules = [_unwrapped(each) for each in ast.literal_eval(item.value)]
            return next((each for each in reversed(modules) if each), "")
    return ""


def _name(node: onnx.NodeProto, weight: str) -> str:
    return _unwrapped(weight).rpartition(".")[0] or module_of(node) or node.name


def _unwrapped(name: str) -> str:
    """Return a name as it is in the network; empty where it is of nothing in there."""
    wrapper = next((each for each in WRAPPERS if name.startswith(each)), None)
    return "" if wrapper is None else name.removeprefix(wrapper)
