from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from tiny_engine import tiny_card, tiny_module
from torch import nn

from events.sources.synthetic import SyntheticSource
from export.backends import onnxruntime as backend
from export.compact import store_halves, with_scales_apart
from export.onnx_graph import write_model
from export.parity import Tolerance
from export.proof import prove
from export.variant import Variant, build_variant
from models.perception import Perception


def kept_as_half() -> Perception:
    """A network whose weights went through a file in half precision; its norms have learnt."""
    module = tiny_module(tiny_card())
    generator = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean, 0, 0.1, generator=generator)
            nn.init.uniform_(part.running_var, 0.5, 2, generator=generator)
    return module.half().float()


@pytest.mark.parametrize("change", [{}, {"input": "events", "sensor": (96, 64)}])
def test_a_compact_engine_is_smaller_and_says_the_same(
    change: dict[str, object], tmp_path: Path
) -> None:
    module, card = kept_as_half(), replace(tiny_card(), **change)
    built = build_variant(module, card, Variant(is_compact=True))
    write_model(built.model, built.card, tmp_path / "compact.onnx")
    engine = backend.load(tmp_path / "compact.onnx", provider="cpu")
    report = prove(module, engine, SyntheticSource(seed=0), 3)
    assert report.failures(Tolerance()) == []
    assert built.card.precision == "fp32"
    assert built.card.provenance["export"]["kept_as_fp16"] > 0.9

    folded = build_variant(module, card, Variant()).model
    by_type = {dtype: weight_bytes(built.model, dtype) for dtype in (10, 1)}
    assert by_type[TensorProto.FLOAT16] > by_type[TensorProto.FLOAT]
    assert sum(by_type.values()) < 0.7 * weight_bytes(folded, TensorProto.FLOAT)


def weight_bytes(model: onnx.ModelProto, dtype: int) -> int:
    return sum(len(each.raw_data) for each in model.graph.initializer if each.data_type == dtype)


def test_what_half_precision_would_change_stays_as_it_is() -> None:
    values = {
        "exact": [1.0, -0.5, 0.0],
        "fine": [1.0, 1.0 + 2.0**-12, 0.0],
        "far": [1.0, 65_536.0, 0.0],
        "tiny": [1.0, 2.0**-26, 0.0],
        "minus_zero": [-0.0, np.inf, 2.0**-24],
    }
    constants = [
        numpy_helper.from_array(np.array(each, np.float32), name) for name, each in values.items()
    ]
    whole = numpy_helper.from_array(np.array([1, 2, 3]), "whole")
    outputs = [helper.make_tensor_value_info(f"{n}_out", TensorProto.FLOAT, [3]) for n in values]
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in values]
    model = helper.make_model(
        helper.make_graph(nodes, "constants", [], outputs, [*constants, whole]),
        opset_imports=[helper.make_opsetid("", 20)], ir_version=10,
    )  # fmt: skip
    assert store_halves(model) == 0.4
    onnx.checker.check_model(model, full_check=True)
    stored = {each.name for each in model.graph.initializer}
    assert stored == {"exact_half", "minus_zero_half", "fine", "far", "tiny", "whole"}
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for name, found in zip(values, session.run(None, {}), strict=True):
        assert found.tobytes() == np.array(values[name], np.float32).tobytes(), name


def test_a_graph_without_constants_stays_as_it_is() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([], "empty", [value], [value])
    assert store_halves(helper.make_model(graph)) == 0


@pytest.mark.parametrize("is_affine", [True, False])
def test_a_norm_that_learns_no_more_is_a_scale_and_a_shift(is_affine: bool) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3, affine=is_affine)
    for _ in range(3):
        norm(torch.randn(4, 3, 5, 6) * 2 + 1)
    if is_affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    x = torch.randn(2, 3, 5, 6)
    network = nn.Sequential(nn.Conv2d(3, 3, 1), norm).eval()
    torch.testing.assert_close(with_scales_apart(network)(x), network(x))
    assert isinstance(network[1], nn.BatchNorm2d)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_only_fp32_engines_are_made_compact(precision: str) -> None:
    with pytest.raises(ValueError, match=f"only fp32 engines are made compact, got {precision}"):
        Variant(precision=precision, is_compact=True)  # type: ignore[arg-type]
