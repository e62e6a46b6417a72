from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from models.teachers.mobilenet import WIDTH
from training.data.taught import attach_teacher, centred


class Patterns:
    """A data set of four pictures."""

    name = "patterns"
    recognition_labels: tuple[str, ...] = ()
    segmentation_labels: tuple[str, ...] = ()
    embeddings: npt.NDArray[np.float32] | None = None

    def __init__(self) -> None:
        self.num_shown = 0

    def num_windows(self, split: str) -> int:
        return 0

    def window(self, *args: Any, **options: Any) -> Any:
        raise AssertionError("no window is needed")

    def num_pictures(self) -> int:
        return 4

    def picture(self, index: int) -> Image.Image:
        self.num_shown += 1
        rng = np.random.default_rng(index)
        return Image.fromarray(rng.integers(0, 255, (8, 8, 3)).astype(np.uint8))


def test_embeddings_are_kept_and_centred(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ai_edge_litert")
    monkeypatch.setenv("SACCADE_DATA", str(data_folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first, second = Patterns(), Patterns()
    assert attach_teacher([first]) == WIDTH
    assert attach_teacher([second]) == WIDTH
    assert first.embeddings is not None
    assert second.embeddings is not None
    np.testing.assert_array_equal(first.embeddings, second.embeddings)
    assert second.num_shown < first.num_shown  # looked at only to know the pictures again
    np.testing.assert_allclose(np.linalg.norm(first.embeddings, axis=1), 1, rtol=1e-5)


def test_what_all_rows_share_is_taken_away() -> None:
    rows = np.array([[5, 1], [5, -1]], np.float32)
    np.testing.assert_allclose(centred(rows), [[0, 1], [0, -1]])
