"""What of a half-precision engine computes in float32, and why."""

from __future__ import annotations

from collections import Counter

import onnx

from export.layers import module_of

WHY_IN_A_HEAD = {
    "depth": "metres are an exponential: fp16 would round near and far ones by 0.1 %",
    "recognition": "a length is a sum of squares, which overflows fp16",
}
"""By the task of the head."""
WHY_NORMS = "they sum in fp32 (stash_type 1): squares of large activations overflow fp16"


def kept_in_float32(model: onnx.ModelProto) -> dict[str, str]:
    """Return the reason by what computes in float32, such as "heads.depth: Exp, Sigmoid".

    Softmax is not among it: its inputs are shifted by their largest, so that nothing overflows, and
    runtimes sum it in float32 themselves.
    """
    typed = onnx.shape_inference.infer_shapes(model)
    types = {item.name: item.type.tensor_type.elem_type for item in typed.graph.value_info}
    types |= {item.name: item.type.tensor_type.elem_type for item in model.graph.output}
    by_part: dict[str, Counter[str]] = {}
    num_norms = 0
    for node in model.graph.node:
        if node.op_type == "LayerNormalization":
            num_norms += _sums_in_float32(node)
        elif node.op_type != "Cast" and _is_float32(node, types):
            part = ".".join(module_of(node).split(".")[:2]) or "the whole"
            by_part.setdefault(part, Counter())[node.op_type] += 1
    kept = {
        f"{part}: {', '.join(sorted(operators))}": WHY_IN_A_HEAD.get(
            part.rpartition(".")[2], "it is so in the model"
        )
        for part, operators in by_part.items()
    }
    return kept | ({f"{num_norms} LayerNormalization": WHY_NORMS} if num_norms else {})


def _is_float32(node: onnx.NodeProto, types: dict[str, int]) -> bool:
    return any(types.get(name) == onnx.TensorProto.FLOAT for name in node.output)


def _sums_in_float32(node: onnx.NodeProto) -> bool:
    stash = next((item.i for item in node.attribute if item.name == "stash_type"), 1)
    return stash == onnx.TensorProto.FLOAT
