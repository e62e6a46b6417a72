"""Engines of other schemas, opsets and operators: loaded with a note, or refused with the cure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper
from tiny_engine import tiny_card

from app.engines import load_engine
from export.backends.backend import EngineError
from models.card import METADATA_KEY, SCHEMA_VERSION


def with_card(engine_path: Path, path: Path, **changes: Any) -> Path:
    """Write an engine whose card is as it was, but for what another Saccade would have put in."""
    graph = onnx.load(engine_path)
    values = {**json.loads(tiny_card().to_json()), **changes}
    values = {key: value for key, value in values.items() if value is not None}
    onnx.helper.set_model_props(graph, {METADATA_KEY: json.dumps(values)})
    path.write_bytes(graph.SerializeToString())
    return path


def one_node(path: Path, operator: str, *, dtype: int = TensorProto.FLOAT, opset: int = 20) -> Path:
    """Write an engine of one node that adds or multiplies its input with itself."""
    card = tiny_card(tasks=())
    shape = (1, card.spec.num_channels, card.input_height, card.input_width)
    cast = helper.make_node("Cast", ["events"], ["inside"], to=dtype)
    node = helper.make_node(operator, ["inside", "inside"], ["twice"])
    back = helper.make_node("Cast", ["twice"], ["tokens"], to=TensorProto.FLOAT)
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("events", "tokens")
    ]
    graph = helper.make_graph([cast, node, back], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("schema", range(1, SCHEMA_VERSION))
def test_an_engine_of_an_older_schema_loads_with_a_note(
    tiny_engine: Path, tmp_path: Path, schema: int
) -> None:
    newer = dict.fromkeys(("precision", "parity", "is_dynamic", "size_multiple", "input", "sensor"))
    path = with_card(tiny_engine, tmp_path / "old.onnx", schema_version=schema, **newer)
    engine = load_engine(path, "cpu")
    (note,) = engine.notes
    assert f"made by an older Saccade (schema {schema}, now {SCHEMA_VERSION})" in note
    assert note.endswith("export it again")
    assert "precision, parity figures" in note
    assert ("representations other than voxel grids" in note) == (schema == 1)
    assert engine.card.precision == "fp32"
    assert json.loads(engine.card.to_json())["schema_version"] == SCHEMA_VERSION


def test_an_engine_of_this_schema_has_nothing_to_note(tiny_engine: Path) -> None:
    assert load_engine(tiny_engine, "cpu").notes == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": SCHEMA_VERSION + 1}, "update Saccade, or export"),
        ({"schema_version": 0}, "schema_version is 0, not a number from 1"),
        ({"schema_version": True}, "schema_version is True, not a number"),
        ({"temperature": 1}, "unknown fields temperature: export it again"),
        ({"precision": "fp8"}, "precision must be one of fp32, fp16, int8, got 'fp8'"),
        ({"size_multiple": 0}, "size_multiple must be at least 1, got 0"),
    ],
)
def test_a_card_that_cannot_be_honoured_is_refused_with_the_cure(
    tiny_engine: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = with_card(tiny_engine, tmp_path / "bad.onnx", **changes)
    with pytest.raises(EngineError, match=message) as refused:
        load_engine(path, "cpu")
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_runnable_graph_of_one_node_is_an_engine(tmp_path: Path) -> None:
    assert load_engine(one_node(tmp_path / "mul.onnx", "Mul"), "cpu").provider == "CPU"


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"operator": "Mul", "dtype": TensorProto.BFLOAT16}, "needs the operator Mul, which"),
        ({"operator": "Foo"}, "needs the operator Foo, which"),
        ({"operator": "Mul", "opset": 99}, "has opset 99, newer than this runtime"),
    ],
)
def test_what_the_runtime_lacks_is_one_clear_line(
    tmp_path: Path, node: dict[str, Any], message: str
) -> None:
    path = one_node(tmp_path / "new.onnx", **node)
    with pytest.raises(EngineError, match=message) as refused:
        load_engine(path, "cpu")
    assert "\n" not in str(refused.value)
    assert "update onnxruntime" in str(refused.value)
