from __future__ import annotations

import math
from pathlib import Path

import pytest

from app.bench import window


def test_the_window_of_a_child_process_is_measured(
    tiny_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "SECONDS", 1.0)
    monkeypatch.setattr(window, "LOADS", ((1e5, "here"), (1e5, "child")))
    rows = list(window.rows(tiny_engine))
    figures = {row.name.split(",")[0]: row.value for row in rows}
    assert all(math.isfinite(value) for value in figures.values())
    assert len(rows) == 1 + 2 * 4
    assert figures["process start to first picture"] > 0
    assert figures["ticks"] > 1
    assert figures["windows"] > 0


def test_a_missing_engine_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no engine .*nothing\.onnx"):
        list(window.rows(tmp_path / "nothing.onnx"))
