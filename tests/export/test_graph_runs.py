from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.graph_runs import run_graph

SHAPE = (1, 2, 3, 3)


def value(name: str, shape: tuple[int, ...] = SHAPE) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def model_of(nodes: list[onnx.NodeProto], *inputs: str, outputs: list[str]) -> onnx.ModelProto:
    given = [
        value("events"),
        *(value(name, (1,) if name == "elapsed" else SHAPE) for name in inputs),
    ]
    graph = helper.make_graph(nodes, "g", given, [value(name) for name in outputs])
    opsets = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def test_any_tensor_of_the_inside_can_be_seen() -> None:
    nodes = [
        helper.make_node("Neg", ["events"], ["less"]),
        helper.make_node("Abs", ["less"], ["y"]),
    ]
    model = model_of(nodes, outputs=["y"])
    grid = np.arange(18, dtype=np.float32).reshape(SHAPE[1:])
    (found,) = run_graph(model, [[{"events": grid[None]}]], ["events", "less", "y"])
    np.testing.assert_array_equal(found["less"][0], -grid)
    np.testing.assert_array_equal(found["y"][0], grid)
    np.testing.assert_array_equal(found["events"][0], grid)
    assert [output.name for output in model.graph.output] == ["y"]


def test_a_graph_that_remembers_is_given_what_it_remembered() -> None:
    nodes = [
        helper.make_node("Mul", ["memory_sum", "elapsed"], ["aged"]),
        helper.make_node("Add", ["events", "aged"], ["tokens"]),
        helper.make_node("Identity", ["tokens"], ["next_memory_sum"]),
    ]
    outputs = ["tokens", "next_memory_sum"]
    model = model_of(nodes, "elapsed", "memory_sum", outputs=outputs)
    windows = [{"events": np.full(SHAPE, float(value), np.float32)} for value in (1, 10, 100)]
    runs = run_graph(model, [windows, windows[1:]])
    assert [float(run["tokens"][0, 0, 0, 0]) for run in runs] == [1, 11, 111, 10, 110]


def test_no_windows_are_no_runs() -> None:
    model = model_of([helper.make_node("Abs", ["events"], ["y"])], outputs=["y"])
    assert list(run_graph(model, [])) == list(run_graph(model, [[]])) == []
