from __future__ import annotations

from pathlib import Path

import pytest

from app import engines
from app.engines import default_engine_path, load_engine
from export.backends.backend import EngineError


def test_an_engine_is_loaded_by_its_suffix(tiny_engine: Path) -> None:
    assert load_engine(tiny_engine, "cpu").provider == "CPU"
    assert load_engine(tiny_engine.with_suffix(".safetensors"), "cpu").provider == "eager CPU"


def test_another_suffix_is_refused_with_those_that_work(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"named \*\.onnx or \*\.safetensors or \*\.trt"):
        load_engine(tmp_path / "engine.plan")


def test_a_missing_default_engine_names_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "DEFAULT_ENGINE", tmp_path / "gone.onnx")
    with pytest.raises(EngineError, match="install Saccade again, or choose another with --engine"):
        default_engine_path()
