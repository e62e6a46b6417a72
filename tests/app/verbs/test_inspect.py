from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from tiny_engine import tiny_card
from trt_files import write_file

from app.cli import main
from export.onnx_graph import write_model
from models.card import METADATA_KEY


def test_an_engine_s_card_is_one_line_a_fact(
    tiny_engine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(tiny_engine)]) == 0
    lines = capsys.readouterr().out.splitlines()
    facts = {line.split("  ")[0].strip(): line.partition("  ")[2].strip() for line in lines}
    assert facts["tasks"] == "recognition, segmentation, depth"
    assert facts["recognition"].startswith("7 classes: kind 0")
    assert facts["depth"] == "0.5 to 20 m"
    assert facts["size"] == "96x64, letterbox"
    assert facts["precision"] == "fp32"
    assert facts["opset"] == "20"
    assert "Conv" in facts["operators"]
    assert facts["operations"].endswith("GFLOP a window")
    assert facts["parity"] == "not recorded"
    assert all("  " in line for line in lines)


def test_json_holds_the_whole_card(tiny_engine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--json", str(tiny_engine)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["card"] == json.loads(tiny_card().to_json())
    assert found["bytes"] == tiny_engine.stat().st_size
    assert found["operators"]["LayerNormalization"] == 3
    assert found["opset"] == 20
    assert found["parameters"] > 1000


def test_a_model_file_and_its_engine_count_alike(
    tiny_engine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for path in (tiny_engine, tiny_engine.with_suffix(".safetensors")):
        assert main(["inspect", "--json", str(path)]) == 0
        found.append(json.loads(capsys.readouterr().out))
    engine, model = found
    assert engine["flops"] == pytest.approx(model["flops"], rel=0.02)
    assert engine["parameters"] == pytest.approx(model["parameters"], rel=0.05)
    assert model["operators"] == {}


def test_a_tensorrt_engine_says_what_its_plan_is_for_and_what_its_onnx_holds(
    tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.trt"
    write_file(path, onnx=tiny_engine.read_bytes())
    assert main(["inspect", str(path)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "plan TensorRT-RTX 1.7.1, for compute capability 8.6, 8.9" in lines
    found = []
    for each in (path, tiny_engine):
        assert main(["inspect", "--json", str(each)]) == 0
        found.append(json.loads(capsys.readouterr().out))
    plan, graph = found
    assert plan.pop("plan")["compute_capabilities"] == ["8.6", "8.9"]
    for own in ("path", "bytes"):
        assert plan.pop(own) != graph.pop(own)
    assert plan == graph


def test_an_engine_of_an_older_schema_says_so(
    tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = onnx.load(tiny_engine)
    values = json.loads(tiny_card().to_json()) | {"schema_version": 2}
    onnx.helper.set_model_props(graph, {METADATA_KEY: json.dumps(values)})
    path = tmp_path / "old.onnx"
    path.write_bytes(graph.SerializeToString())
    assert main(["inspect", str(path)]) == 0
    assert "was made by an older Saccade (schema 2, now 3)" in capsys.readouterr().out


def test_parity_and_provenance_are_shown(
    tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "made.onnx"
    parity = {"input": "a.aedat4", "max_abs_error": 0.00012345}
    card = replace(tiny_card(), parity=parity, provenance={"seed": 7}, is_dynamic=True)
    write_model(onnx.load(tiny_engine), replace(card, size_multiple=32), path)
    assert main(["inspect", str(path)]) == 0
    said = capsys.readouterr().out
    assert "any multiple of 32 pixels, and any batch" in said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "made: seed 7" in lines
    assert "parity: input a.aedat4" in lines
    assert "parity: max_abs_error 0.0001234" in lines


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.onnx", "no engine file"),
        ("gone.safetensors", "no model file"),
        ("gone.trt", "no engine"),
        ("a.txt", "reads"),
    ],
)
def test_what_is_not_there_is_one_clear_line(
    name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", name]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert message in errors[0]
