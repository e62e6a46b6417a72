from __future__ import annotations

import shutil
import sys
import types
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from tiny_engine import tiny_card

from app import engines
from app.engines import default_engine_path, load_engine
from export import choice
from export.backends.backend import EngineError
from export.choice import Choice
from export.onnx_graph import write_model


def test_an_engine_is_loaded_by_its_suffix(tiny_engine: Path) -> None:
    assert load_engine(tiny_engine, "cpu").provider == "CPU"
    assert load_engine(tiny_engine.with_suffix(".safetensors"), "cpu").provider == "eager CPU"


def test_auto_measures_nothing_where_only_the_cpu_can_run_engines(
    tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(engines, "usable_providers", lambda card: ["cpu"])
    lines: list[str] = []
    engine = load_engine(tiny_engine, "auto", lines.append)
    assert (engine.provider, engine.notes, lines) == ("CPU", (), [])
    assert not (tmp_path / "saccade").exists()


def test_auto_measures_once_and_says_what_it_picked(
    tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(choice, "NUM_WINDOWS", 2)
    monkeypatch.setattr(engines, "usable_providers", lambda card: ["cuda", "cpu"])
    lines: list[str] = []
    first = load_engine(tiny_engine, "auto", lines.append)
    [note] = first.notes
    assert note.startswith("automatic choice CPU 96x64: ")
    assert "CUDA" in note
    assert len(lines) == 2
    assert load_engine(tiny_engine, "auto", lines.append).notes == first.notes
    assert len(lines) == 2


def test_what_must_keep_up_may_be_less_exact_and_what_is_waited_for_is_not(
    tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(choice, "NUM_WINDOWS", 2)
    monkeypatch.setattr(choice, "HEADROOM", 0)  # nothing keeps up, however idle this machine is
    # Whichever is faster here: both compute the same.
    monkeypatch.setattr(Choice, "picked", property(lambda made: made.trials[-1]))
    monkeypatch.setattr(engines, "usable_providers", lambda card: ["cpu"])
    path = tmp_path / "tiny.onnx"
    shutil.copy(tiny_engine, path)
    half = replace(tiny_card(), precision="fp16")
    write_model(onnx.load(tiny_engine), half, tmp_path / "tiny@fp16.onnx")
    assert load_engine(path).card.precision == "fp16"
    exact = load_engine(path, is_live=False)
    assert (exact.card.precision, exact.notes) == ("fp32", ()), "there was nothing to measure"


def test_a_provider_that_is_not_installed_leaves_the_engine_to_the_cpu_with_a_note(
    tiny_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export.providers import openvino, provider

    monkeypatch.setattr(openvino, "is_installed", lambda module: False)
    provider.problem.cache_clear()
    engine = load_engine(tiny_engine, "openvino")
    provider.problem.cache_clear()
    assert engine.provider == "CPU"
    assert engine.notes == (
        "OpenVINO cannot be used (openvino is not installed: pip install openvino): "
        "running on the CPU",
    )


def test_a_broken_onnxruntime_is_one_line_with_the_cure(
    tiny_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", types.ModuleType("onnxruntime"))
    with pytest.raises(
        EngineError, match=r"does not load: .*pip install --force-reinstall --no-dep"
    ):
        load_engine(tiny_engine)


def test_another_suffix_is_refused_with_those_that_work(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"named \*\.onnx or \*\.safetensors or \*\.trt"):
        load_engine(tmp_path / "engine.plan")


def test_a_missing_default_engine_names_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "DEFAULT_ENGINE", tmp_path / "gone.onnx")
    with pytest.raises(EngineError, match="install Saccade again, or choose another with --engine"):
        default_engine_path()
