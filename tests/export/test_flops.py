from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from bare_engine import HEIGHT, NUM_FEATURES, PATCH, WIDTH
from onnx import TensorProto, helper, numpy_helper
from tiny_engine import tiny_card, tiny_module
from torch import no_grad, zeros
from torch.utils.flop_counter import FlopCounterMode

from export.flops import UnknownShapeError, count_flops
from export.onnx_graph import export_graph


def graph_of(node: onnx.NodeProto, *shapes: tuple[int, ...]) -> onnx.ModelProto:
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip([*node.input, *node.output], shapes, strict=True)
    ]
    return helper.make_model(helper.make_graph([node], "g", values[:-1], values[-1:]))


def test_a_patch_embedding_costs_its_weights_times_its_cells(bare_engine: Path) -> None:
    cells = (HEIGHT // PATCH) * (WIDTH // PATCH)
    weights = NUM_FEATURES * 5 * PATCH * PATCH
    assert count_flops(onnx.load(bare_engine)) == 2 * cells * weights


@pytest.mark.parametrize(
    ("node", "shapes", "expected"),
    [
        (("MatMul", {}), ((7, 2, 3), (7, 3, 4), (7, 2, 4)), 2 * 7 * 2 * 3 * 4),
        (("Gemm", {}), ((2, 3), (3, 4), (2, 4)), 2 * 2 * 3 * 4),
        (("Gemm", {"transA": 1, "transB": 1}), ((3, 2), (4, 3), (2, 4)), 2 * 2 * 3 * 4),
        (("Conv", {"group": 2}), ((1, 4, 6, 6), (8, 2, 3, 3), (1, 8, 4, 4)), 2 * 128 * 18),
        (("ConvTranspose", {}), ((1, 4, 2, 2), (4, 3, 3, 3), (1, 3, 4, 4)), 2 * 16 * 27),
        (("Add", {}), ((5,), (5,), (5,)), 0),
    ],
)
def test_a_node_costs_two_for_each_product(
    node: tuple[str, dict[str, int]], shapes: tuple[tuple[int, ...], ...], expected: int
) -> None:
    operator, attributes = node
    made = helper.make_node(operator, ["a", "b"], ["c"], **attributes)
    assert count_flops(graph_of(made, *shapes)) == expected


def test_a_graph_costs_what_torch_counts_in_its_module() -> None:
    card = tiny_card()
    module = tiny_module(card)
    with FlopCounterMode(display=False) as counter, no_grad():
        module(zeros(1, card.spec.num_channels, card.input_height, card.input_width))
    assert count_flops(export_graph(module, card)) == pytest.approx(
        counter.get_total_flops(), rel=0.02
    )


def test_open_sizes_are_counted_at_the_size_that_is_asked_for() -> None:
    node = helper.make_node("Conv", ["events", "weights"], ["tokens"], strides=[4, 4])
    weights = numpy_helper.from_array(np.ones((6, 5, 4, 4), np.float32), "weights")
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("events", TensorProto.FLOAT, (1, 5, "height", "width"))],
        [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, (1, 6, "h", "w"))],
        [weights],
    )
    opsets = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    assert count_flops(model, (5, 8, 12)) == 2 * (2 * 3) * (6 * 5 * 4 * 4)
    assert count_flops(model, (5, 16, 12)) == 2 * (4 * 3) * (6 * 5 * 4 * 4)
    with pytest.raises(UnknownShapeError, match="the shape of tokens, of Conv, is not known"):
        count_flops(model)
