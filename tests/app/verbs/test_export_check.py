"""`saccade export ENGINE --check`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_engine import tiny_card, tiny_module

from app.cli import main
from app.engines import load_engine
from export.onnx_card import read_card
from export.onnx_graph import write_model
from export.stream_parity import compare_stream
from models.model_file import save_model

WINDOWS = ["--windows", "3", "--recording", "synthetic:2"]


def test_an_engine_passes_against_its_own_model(
    tiny_engine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(tiny_engine.with_suffix(".safetensors"))
    assert main(["export", str(tiny_engine), "--check", "--model", model, *WINDOWS]) == 0
    said = capsys.readouterr().err
    assert "3 windows, max abs error" in said
    assert "passed on synthetic:2" in said


def test_an_engine_fails_against_other_weights(
    tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.safetensors"
    save_model(other, tiny_module(tiny_card(), seed=1), tiny_card())
    assert main(["export", str(tiny_engine), "--check", "--model", str(other), *WINDOWS]) == 1
    assert "FAILED: max abs error" in capsys.readouterr().err


def test_a_model_of_another_network_is_told_by_its_card(
    tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = tiny_card(tasks=("depth",))
    other = tmp_path / "other.safetensors"
    save_model(other, tiny_module(card), card)
    assert main(["export", str(tiny_engine), "--check", "--model", str(other), *WINDOWS]) == 1
    assert "is not the model of this engine: tasks is ('depth',)" in capsys.readouterr().err


def test_an_engine_that_remembers_is_not_compared_with_a_model_that_does_not(
    stream_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = replace(read_card(stream_engine), temporal={}, is_streaming=False)
    model = tmp_path / "plain.safetensors"
    save_model(model, tiny_module(plain), plain)
    assert main(["export", str(stream_engine), "--check", "--model", str(model), *WINDOWS]) == 1
    assert "is not the model of this engine: temporal is {}, the" in capsys.readouterr().err
    engine = load_engine(stream_engine, "cpu")
    with pytest.raises(ValueError, match="give the model that the engine was exported from"):
        compare_stream(tiny_module(plain), engine, [])


def test_a_model_with_another_head_is_told_by_its_card(
    tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = replace(tiny_card(), heads={"recognition": {"kind": "prompted"}})
    prompted = tmp_path / "prompted.onnx"
    write_model(onnx.load(tiny_engine), card, prompted)
    model = str(tiny_engine.with_suffix(".safetensors"))
    assert main(["export", str(prompted), "--check", "--model", model, *WINDOWS]) == 1
    assert "heads is {}, the engine's {'recognition'" in capsys.readouterr().err


def test_without_its_model_an_engine_is_checked_for_what_no_engine_may_do(
    tiny_engine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tiny_engine), "--check", *WINDOWS]) == 0
    said = capsys.readouterr().err
    assert "3 windows on CPU: outputs are finite, in range, and the same when run again" in said
    assert "the engine does not say how far it was from its model" in said


def test_an_engine_of_broken_weights_fails_without_its_model(
    tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = onnx.load(tiny_engine)
    bias = next(each for each in graph.graph.initializer if each.name.endswith("depth.head.1.bias"))
    bias.CopyFrom(onnx.numpy_helper.from_array(np.array([np.nan], np.float32), bias.name))
    broken = tmp_path / "broken.onnx"
    write_model(graph, replace(tiny_card(), parity={"input": "a", "max_abs_error": 0.5}), broken)
    assert main(["export", str(broken), "--check", *WINDOWS]) == 1
    said = capsys.readouterr().err
    assert "FAILED: depth is not finite (3 windows)" in said
    assert "when it was made, on a: max_abs_error 0.5" in said
