"""One tiny exported engine for all tests of a session."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_engine import write_tiny_engine


@pytest.fixture(scope="session")
def tiny_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tiny.onnx, its model tiny.safetensors beside it; not to be changed."""
    folder = tmp_path_factory.getbasetemp() / "tiny_engine"
    if not folder.exists():  # other folders of tests share it
        folder.mkdir()
        write_tiny_engine(folder)
    return folder / "tiny.onnx"
