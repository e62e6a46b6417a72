from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tiny_engine import tiny_card

from events.sources.open import open_source
from export.calibration import CUT, Calibration, find_ranges, read_calibration
from export.graph_runs import run_graph
from export.layers import layers_of
from export.qdq import FORMS, activations, quantized, scale_and_zero
from export.quantize import to_int8
from export.sensitivity import spread_error


@pytest.fixture(scope="module")
def graph(tiny_engine: Path) -> onnx.ModelProto:
    return onnx.load(tiny_engine)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return read_calibration(["synthetic:1"], tiny_card(), open_source)


def test_layers_are_named_as_the_modules_they_came_from(graph: onnx.ModelProto) -> None:
    layers = layers_of(graph)
    names = [layer.name for layer in layers]
    assert len(set(names)) == len(names)
    assert {"encoder.stem.0", "encoder.blocks.0.qkv", "heads.recognition.classify"} <= set(names)
    operators = Counter(layer.operator for layer in layers)
    assert operators["MatMul"] == 4  # of its one block; attention's own products have no weights
    nodes = {node.name: node for node in graph.graph.node}
    assert all(layer.weight in nodes[layer.node].input for layer in layers)


@pytest.mark.parametrize("target", FORMS)
def test_a_tensor_s_zero_is_a_code_and_its_ends_are_reached(target: str) -> None:
    form = FORMS[target]
    for limits in ((-1.0, 3.0), (0.0, 2.0), (-4.0, -1.0), (0.0, 0.0)):
        scale, zero = scale_and_zero(limits, form)
        codes = np.iinfo(zero.dtype)
        least, most = ((code - int(zero)) * float(scale) for code in (codes.min, codes.max))
        assert scale > 0
        assert codes.min <= zero <= codes.max
        assert least - scale <= min(limits[0], 0)
        assert most + scale >= max(limits[1], 0)
    assert FORMS["tensorrt"].is_symmetric
    assert int(scale_and_zero((-1.0, 3.0), FORMS["tensorrt"])[1]) == 0


def test_ranges_hold_the_windows_values_but_for_a_few_far_ones(
    graph: onnx.ModelProto, calibration: Calibration
) -> None:
    [stream] = calibration.streams
    values = np.concatenate([window["events"] for window in stream[:3]])
    windows = [{"events": grid[None]} for grid in values]
    before = find_ranges(graph, [windows], ["events", "depth"])
    least, most = before["events"]
    assert values.min() <= least < 0 < most <= values.max()
    assert np.mean((values < least) | (values > most)) <= 2 * CUT
    assert 0.5 <= before["depth"][0] < before["depth"][1] <= 20
    values[0, 0, 0, 0] = 1e4  # a flickering pixel
    after = find_ranges(graph, [windows], ["events"])
    assert after["events"] == pytest.approx(before["events"], rel=0.1)


def test_calibration_windows_are_others_than_those_held_out(calibration: Calibration) -> None:
    seen, held_out = (
        [window["events"].tobytes() for window in stream]
        for (stream,) in (calibration.streams, calibration.held_out)
    )
    assert len(set(seen)) == len(seen) == 12
    assert not set(seen) & set(held_out)
    assert calibration.describe() == {
        "inputs": ["synthetic:1"], "num_windows": 12, "num_held_out": 4,
    }  # fmt: skip


@pytest.mark.parametrize("target", FORMS)
def test_an_int8_graph_is_small_near_the_model_and_has_no_int32_bias(
    graph: onnx.ModelProto, calibration: Calibration, target: str
) -> None:
    made = to_int8(graph, calibration, target=target, budget=10.0).model
    onnx.checker.check_model(made, full_check=True)
    weights = {layer.weight for layer in layers_of(graph)}
    types = {item.name: item.data_type for item in made.graph.initializer}
    quantised = {name.removesuffix("_quantized") for name in types if name.endswith("_quantized")}
    assert quantised < weights if FORMS[target].has_quantized_outputs else quantised == weights
    assert onnx.TensorProto.INT32 not in types.values()
    assert not quantised & set(types)  # the floats are gone
    for found, expected in zip(
        run_graph(made, calibration.held_out), run_graph(graph, calibration.held_out), strict=True
    ):
        for name in tiny_card().outputs:
            assert spread_error(found[name], expected[name]) < 0.3


def test_a_layer_over_the_budget_stays_in_floating_point(
    graph: onnx.ModelProto, calibration: Calibration
) -> None:
    measured = to_int8(graph, calibration, budget=10.0)
    errors = sorted(row.error for row in measured.layers if row.kept_because is None)
    budget = errors[len(errors) // 2]
    rows = []
    found = to_int8(graph, calibration, budget=budget, progress=rows.append)
    assert rows == list(found.layers)
    assert [row.error for row in rows] == [row.error for row in measured.layers]
    over = {row.layer.name for row in rows if row.error > budget}
    assert over
    kept = found.describe()["kept"]
    assert over <= set(kept)
    assert all("of its spread" in kept[name] for name in over)
    names = {item.name for item in found.model.graph.initializer}
    assert all(row.layer.weight in names for row in found.kept)
    assert [row.error for row in found.kept] == sorted((r.error for r in found.kept), reverse=True)
    assert found.report()["layers"][0]["layer"] == rows[0].layer.name


def test_one_layer_alone_changes_nothing_else(
    graph: onnx.ModelProto, calibration: Calibration
) -> None:
    layer = layers_of(graph)[0]
    form = FORMS["cpu"]
    ranges = find_ranges(graph, calibration.streams, activations(graph, [layer], form))
    made = quantized(graph, ranges, [layer], form)
    old = {item.name: item for item in graph.graph.initializer}
    new = {item.name: item for item in made.graph.initializer}
    assert all(new[name] == item for name, item in old.items() if name != layer.weight)
    codes = numpy_helper.to_array(new[f"{layer.weight}_quantized"])
    assert codes.dtype == np.int8
    assert np.abs(codes).max() == form.largest_weight
    scale = numpy_helper.to_array(new[f"{layer.weight}_scale"])
    weight = numpy_helper.to_array(old[layer.weight])
    error = np.abs(codes * scale[:, None, None, None] - weight).max(axis=(1, 2, 3))
    assert (error <= scale * 0.5001).all()


def test_too_few_windows_are_no_calibration() -> None:
    with pytest.raises(ValueError, match="at least two windows, got 0"):
        read_calibration([], tiny_card(), open_source)


def test_tensorrt_parses_its_form_but_not_the_processor_s(
    graph: onnx.ModelProto, calibration: Calibration
) -> None:
    tensorrt = pytest.importorskip("tensorrt_rtx")
    logger = tensorrt.Logger(tensorrt.Logger.INTERNAL_ERROR)
    parsed = {}
    for target in FORMS:
        made = to_int8(graph, calibration, target=target, budget=10.0).model
        network = tensorrt.Builder(logger).create_network(0)
        parsed[target] = tensorrt.OnnxParser(network, logger).parse(made.SerializeToString())
    assert parsed == {"cpu": False, "tensorrt": True}
