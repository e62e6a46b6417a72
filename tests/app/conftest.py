"""One tiny exported engine for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_engine import write_tiny_engine


@pytest.fixture(scope="session")
def tiny_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tiny.onnx, its model tiny.safetensors beside it; not to be changed."""
    return write_tiny_engine(tmp_path_factory.mktemp("engine"))
