from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_engine import tiny_card, tiny_module

from export.backends import onnxruntime
from export.backends.eager import EagerEngine
from export.onnx_graph import OPSETS, write_model
from export.parity import Tolerance, compare_engines
from export.variant import Variant, build_variant


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset_gives_an_engine_that_agrees(opset: int, tmp_path: Path) -> None:
    card, module = tiny_card(), tiny_module(tiny_card())
    built = build_variant(module, card, Variant(opset=opset))
    write_model(built.model, built.card, tmp_path / "x.onnx")
    versions = [(each.domain, each.version) for each in onnx.load(tmp_path / "x.onnx").opset_import]
    assert versions == [("", opset)]
    shape = (card.spec.num_channels, card.input_height, card.input_width)
    grids = [np.random.default_rng(0).normal(size=shape).astype(np.float32)]
    engine = onnxruntime.load(tmp_path / "x.onnx", provider="cpu")
    report = compare_engines(EagerEngine(module, card), engine, grids)
    assert report.failures(Tolerance()) == []
    assert built.card.provenance["export"] == {"opset": opset}


def test_a_half_precision_engine_says_what_it_keeps_in_float32() -> None:
    built = build_variant(tiny_module(tiny_card()), tiny_card(), Variant(precision="fp16"))
    kept = built.card.provenance["export"]["kept_in_fp32"]
    assert set(kept) == {"heads.depth: Add, Exp, Mul, Sigmoid", "3 LayerNormalization"}
    assert all(kept.values())
    assert built.card.precision == "fp16"


def test_an_engine_tells_of_modules_but_not_of_files_here() -> None:
    built = build_variant(tiny_module(tiny_card()), tiny_card(), Variant())
    keys = {item.key for node in built.model.graph.node for item in node.metadata_props}
    assert keys == {"pkg.torch.onnx.name_scopes"}
    assert b".py" not in built.model.SerializeToString()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opset": 17}, r"opset must be one of \(18, 19, 20\), got 17"),
        ({"budget": 0.0}, "the budget must be above 0"),
        ({"precision": "int8", "target": "tensorrt", "opset": 18}, "needs opset 19 or 20, got 18"),
    ],
)
def test_a_variant_that_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Variant(**options)  # type: ignore[arg-type]
