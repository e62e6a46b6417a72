from __future__ import annotations

from pathlib import Path

import pytest

from app.bench import tensorrt
from export.backends.backend import EngineError


def test_rows_say_how_large_and_how_long(tiny_engine: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="only TensorRT for RTX builds without a GPU")
    rows = list(tensorrt.rows(tiny_engine.with_suffix(".safetensors"), "8.9"))
    assert [row.unit for row in rows] == ["s", "MB", "s", "MB"]
    assert all("for 8.9" in row.name and row.value > 0 for row in rows)
    assert all(row.baseline and row.value > row.baseline for row in rows if row.unit == "MB")


def test_without_the_library_there_are_no_rows(
    tiny_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(edition: object) -> object:
        raise EngineError("not installed")

    monkeypatch.setattr(tensorrt, "load_library", missing)
    assert list(tensorrt.rows(tiny_engine.with_suffix(".safetensors"))) == []
