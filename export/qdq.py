"""Int8 in a graph: QuantizeLinear and DequantizeLinear around the layers that are to compute in it.

Weights are int8, symmetric, with a scale for each output channel; biases stay float, as TensorRT
wants it (ONNX Runtime makes int32 of them itself, at no loss of speed).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from export.layers import Layer

Ranges = Mapping[str, tuple[float, float]]
"""Least and largest value of each tensor, by its name."""
Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a runtime wants int8 in a graph."""

    is_symmetric: bool
    """Activations are int8 about 0, not uint8 from their least value to their largest."""
    has_quantized_outputs: bool
    """Layers also give int8, not only take it."""
    largest_weight: int
    """Weights are rounded to whole numbers from its negative to this."""
    budget: float
    """Largest error that int8 in one layer may bring unless another is asked for, in units of an
    output's own spread: the less, the cheaper it is to leave a layer in floating point."""


FORMS = {
    # Processors multiply uint8 by int8, and ONNX Runtime's layers give int8 or are float. Those
    # without VNNI add two products in 16 bits: more than 6 bits of weight and a sign would not fit,
    # and an engine would say something else there than where it was checked.
    "cpu": Form(is_symmetric=False, has_quantized_outputs=True, largest_weight=63, budget=0.03),
    # TensorRT knows no zero point, and adds residuals best in what the convolution summed up in.
    "tensorrt": Form(
        is_symmetric=True, has_quantized_outputs=False, largest_weight=127, budget=0.02
    ),
}
"""By what is to run the engine."""


def activations(model: onnx.ModelProto, layers: Iterable[Layer], form: Form) -> list[str]:
    """Return the names of the tensors that become int8 with ``layers``, each once."""
    consumers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    outputs = {output.name for output in model.graph.output}
    found: dict[str, None] = {}
    for layer in layers:
        found[layer.activation] = None
        if not form.has_quantized_outputs:
            continue
        (name,) = layer.outputs
        if [node.op_type for node in consumers.get(name, ())] == ["Relu"]:
            (name,) = consumers[name][0].output  # a cut at 0 is part of what int8 can say
        if name not in outputs:
            found[name] = None
    return list(found)


def quantized(
    model: onnx.ModelProto, ranges: Ranges, layers: Collection[Layer], form: Form
) -> onnx.ModelProto:
    """Return ``model`` with ``layers`` in int8.

    Args:
        model: Stays as it is; float32 or float16.
        ranges: Of ``activations`` at least.
        layers: Of the model.
        form: Of the runtime.
    """
    weights = {layer.weight: layer for layer in layers}
    dtypes = {item.name: item.data_type for item in model.graph.initializer}
    new = onnx.ModelProto()
    new.CopyFrom(model)
    graph = new.graph
    del graph.initializer[:], graph.node[:]
    used = Counter(name for node in model.graph.node for name in node.input)
    own = Counter(layer.weight for layer in layers)
    first: list[onnx.NodeProto] = []
    for item in model.graph.initializer:
        if item.name in weights:
            first.append(_add_weight(graph, item, weights[item.name].channel_axis, form))
        if used[item.name] > own[item.name]:
            graph.initializer.append(item)
    pairs = {}
    for name in activations(model, layers, form):
        float_type = next(dtypes[each.weight] for each in layers)
        pairs[name] = _pair(graph, name, ranges[name], form, float_type)
    graph.node.extend(first)
    for item in model.graph.input:
        graph.node.extend(pairs.get(item.name, ()))
    names = {layer.node for layer in layers}
    for node in model.graph.node:
        graph.node.append(_rewired(node, pairs, weights if node.name in names else {}))
        for output in node.output:
            graph.node.extend(pairs.get(output, ()))
    return new


def _rewired(
    node: onnx.NodeProto, pairs: Collection[str], weights: Collection[str]
) -> onnx.NodeProto:
    """Return a node that reads what was quantised."""
    new = onnx.NodeProto()
    new.CopyFrom(node)
    for i, name in enumerate(node.input):
        if name in pairs or name in weights:
            new.input[i] = f"{name}_dequantized"
    return new


def _pair(
    graph: onnx.GraphProto, name: str, limits: tuple[float, float], form: Form, float_type: int
) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    """Return the two nodes that round an activation, and add their constants."""
    scale, zero = scale_and_zero(limits, form)
    _add(graph, f"{name}_scale", scale.astype(helper.tensor_dtype_to_np_dtype(float_type)))
    _add(graph, f"{name}_zero", zero)
    constants = [f"{name}_scale", f"{name}_zero"]
    quantize, dequantize = f"{name}_quantized", f"{name}_dequantized"
    return (
        helper.make_node("QuantizeLinear", [name, *constants], [quantize], quantize),
        helper.make_node("DequantizeLinear", [quantize, *constants], [dequantize], dequantize),
    )


def scale_and_zero(limits: tuple[float, float], form: Form) -> tuple[Array, Array]:
    """Return the step of an activation of values within ``limits``, and which code means 0."""
    least, most = min(limits[0], 0.0), max(limits[1], 0.0)
    if form.is_symmetric:
        return np.array(max(-least, most) / 127 or 1.0), np.array(0, np.int8)
    scale = (most - least) / 255 or 1.0
    return np.array(scale), np.array(round(-least / scale), np.uint8)


def _add_weight(
    graph: onnx.GraphProto, item: onnx.TensorProto, axis: int, form: Form
) -> onnx.NodeProto:
    """Add a weight in int8; return the node that makes floats of it."""
    weight, name = numpy_helper.to_array(item), item.name
    other = tuple(i for i in range(weight.ndim) if i != axis)
    values = weight.astype(np.float64)
    scale = np.abs(values).max(axis=other) / form.largest_weight
    scale[scale == 0] = 1
    shape = [1] * weight.ndim
    shape[axis] = -1
    _add(graph, f"{name}_quantized", np.rint(values / scale.reshape(shape)).astype(np.int8))
    _add(graph, f"{name}_scale", scale.astype(weight.dtype))
    _add(graph, f"{name}_zero", np.zeros(len(scale), np.int8))
    inputs = [f"{name}_quantized", f"{name}_scale", f"{name}_zero"]
    output = f"{name}_dequantized"
    return helper.make_node("DequantizeLinear", inputs, [output], output, axis=axis)


def _add(graph: onnx.GraphProto, name: str, value: Array) -> None:
    graph.initializer.append(numpy_helper.from_array(value, name))
