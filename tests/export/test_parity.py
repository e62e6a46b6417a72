from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_engine import tiny_card, tiny_module

from export.backends import eager, onnxruntime
from export.backends.backend import EngineError
from export.onnx_graph import write_onnx
from export.parity import ParityReport, Tolerance, compare_engines


@pytest.fixture(scope="module")
def grids() -> list[np.ndarray]:
    card = tiny_card()
    shape = (card.spec.num_channels, card.input_height, card.input_width)
    random = np.random.default_rng(0)
    return [random.normal(size=shape).astype(np.float32) for _ in range(6)]


def compare(engine: Path, grids: list[np.ndarray]) -> ParityReport:
    """Hold an engine to the model beside it."""
    model = eager.load(engine.with_suffix(".safetensors"), provider="cpu")
    return compare_engines(model, onnxruntime.load(engine, provider="cpu"), grids)


def test_an_exported_engine_agrees_with_its_model(
    tiny_engine: Path, grids: list[np.ndarray]
) -> None:
    report = compare(tiny_engine, grids)
    assert report.failures(Tolerance()) == []
    assert report.max_abs_error < 1e-4
    assert report.num_windows == len(grids)
    assert report.recognition_agreement == report.segmentation_agreement == 1
    assert report.model_ms > 0
    assert report.engine_ms > 0


def test_an_engine_of_other_weights_fails_in_every_task(
    tiny_engine: Path, grids: list[np.ndarray]
) -> None:
    other = eager.EagerEngine(tiny_module(tiny_card(), seed=1), tiny_card())
    report = compare_engines(other, onnxruntime.load(tiny_engine, provider="cpu"), grids)
    failures = "; ".join(report.failures(Tolerance()))
    assert "max abs error" in failures
    assert "segmentation agrees" in failures
    assert "depth is off" in failures


def test_an_output_that_is_not_a_number_fails(tiny_engine: Path, grids: list[np.ndarray]) -> None:
    module = tiny_module(tiny_card())
    with torch.no_grad():
        next(module.parameters()).fill_(float("nan"))
    broken = eager.EagerEngine(module, tiny_card())
    report = compare_engines(onnxruntime.load(tiny_engine, provider="cpu"), broken, grids[:2])
    assert report.failures(Tolerance())


def test_a_bare_encoder_is_judged_by_its_tokens(tmp_path: Path, grids: list[np.ndarray]) -> None:
    card = tiny_card(tasks=())
    module = tiny_module(card)
    write_onnx(module, card, tmp_path / "bare.onnx")
    engine = onnxruntime.load(tmp_path / "bare.onnx", provider="cpu")
    report = compare_engines(eager.EagerEngine(module, card), engine, grids)
    assert report.failures(Tolerance()) == []
    assert report.token_cosine == pytest.approx(1, abs=1e-6)
    other = eager.EagerEngine(tiny_module(card, seed=1), card)
    report = compare_engines(other, engine, grids)
    assert report.token_cosine < 0.9
    assert "tokens have a cosine of" in report.failures(Tolerance.quantized())[0]


def test_what_a_card_says_of_a_comparison_is_json_without_times(
    tiny_engine: Path, grids: list[np.ndarray]
) -> None:
    report = compare(tiny_engine, grids[:2])
    described = report.describe("synthetic:0", Tolerance.quantized())
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert described["input"] == "synthetic:0"
    assert described["num_windows"] == 2
    assert "model_ms" not in described
    assert "max_abs_error" not in described["tolerance"]


def test_no_windows_are_no_proof(tiny_engine: Path) -> None:
    with pytest.raises(ValueError, match="at least one window"):
        compare(tiny_engine, [])


def test_a_half_precision_engine_keeps_the_labels(tmp_path: Path, grids: list[np.ndarray]) -> None:
    card, module = tiny_card(), tiny_module(tiny_card())
    write_onnx(module, replace(card, precision="fp16"), tmp_path / "half.onnx")
    half = onnxruntime.load(tmp_path / "half.onnx", provider="cpu")
    report = compare_engines(eager.EagerEngine(module, card), half, grids)
    assert report.failures(Tolerance.half()) == []
    assert report.max_abs_error > 1e-4


def test_a_model_file_is_itself_an_engine(tiny_engine: Path, grids: list[np.ndarray]) -> None:
    engine = eager.load(tiny_engine.with_suffix(".safetensors"))
    assert engine.provider.startswith("eager")
    assert set(engine.run(grids[0])) == set(engine.card.tasks)


def test_a_bad_model_file_is_an_engine_error(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"nothing" * 10)
    with pytest.raises(EngineError, match=r"bad\.safetensors"):
        eager.load(tmp_path / "bad.safetensors")
