from __future__ import annotations

from pathlib import Path

import pytest

from app.bench import export
from export.variant import Variant


def test_each_variant_has_its_size_its_error_and_its_speed(
    tiny_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = {"fp32": Variant(), "int8": Variant(precision="int8", budget=10.0)}
    monkeypatch.setattr(export, "VARIANTS", variants)
    monkeypatch.setattr(export, "DEFAULT_INPUTS", ("synthetic:1",))
    monkeypatch.setattr(export, "NUM_WINDOWS", 2)
    monkeypatch.setattr(export, "NUM_ROUNDS", 2)
    rows = {row.name: row for row in export.rows(tiny_engine.with_suffix(".safetensors"))}
    assert list(rows) == [
        f"{variant}: {figure}"
        for variant in variants
        for figure in ("file", "max abs error", "CPU, 1 thread", "CPU, 2 threads")
    ]
    assert all(row.value > 0 for row in rows.values())
    assert rows["fp32: file"].ratio is None
    assert rows["int8: CPU, 1 thread"].ratio is not None
    assert rows["fp32: max abs error"].value < 1e-3 < rows["int8: max abs error"].value
    assert "segmentation agrees" in rows["int8: max abs error"].note
    assert "windows/s" in rows["int8: CPU, 2 threads"].note
