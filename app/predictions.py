"""Predictions as JSON lines: one object a window, the same on every run apart from latency."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from app.scene import Scene
from app.token_view import content
from models.results import TokenMap

NUM_LABELS = 5
WRITTEN = re.compile(r"window_\d{6,}\.npz|(recognition|segmentation)_labels\.txt")
"""Names of the files that an ArrayWriter makes."""
SCORE_DIGITS, DEPTH_DIGITS, TOKEN_DIGITS, LATENCY_DIGITS = 6, 4, 4, 3


def row(scene: Scene) -> dict[str, Any]:
    """Return what `saccade run` writes for one window.

    A task that the engine does not have is null; a bare encoder has ``tokens`` besides. Numbers
    are rounded to fixed digits.
    """
    prediction = scene.prediction
    recognition = prediction.recognition if prediction else None
    segmentation = prediction.segmentation if prediction else None
    depth = prediction.depth if prediction else None
    tokens = prediction.tokens if prediction else None
    return {
        "index": scene.index,
        "start_us": scene.packet.start_us,
        "end_us": scene.packet.end_us,
        "num_events": len(scene.packet),
        "partial": scene.is_partial,
        "recognition": recognition
        and [
            {"label": label, "score": round(score, SCORE_DIGITS)}
            for label, score in recognition.top(NUM_LABELS)
        ],
        "segmentation": segmentation
        and {
            label: round(fraction, SCORE_DIGITS)
            for label, fraction in segmentation.fractions().items()
        },
        "depth_m": depth
        and {
            "min": round(float(depth.depth_m.min()), DEPTH_DIGITS),
            "median": round(float(np.median(depth.depth_m)), DEPTH_DIGITS),
            "max": round(float(depth.depth_m.max()), DEPTH_DIGITS),
        },
        **({"tokens": _token_figures(tokens)} if tokens else {}),
        "latency_ms": {
            stage: round(latency_ms, LATENCY_DIGITS)
            for stage, latency_ms in scene.latency.by_stage().items()
        },
    }


def _token_figures(tokens: TokenMap) -> dict[str, Any]:
    """Return a token map in a few figures.

    Of the tokens that see the sensor: their mean's length, and their mean cosine to it (1 where
    all are alike).
    """
    features = content(tokens)
    rows_ND = features.reshape(len(features), -1).T.astype(np.float64)
    mean_D = rows_ND.mean(0)
    lengths = np.linalg.norm(rows_ND, axis=1) * np.linalg.norm(mean_D)
    cosine = rows_ND @ mean_D / np.maximum(lengths, 1e-12)
    return {
        "grid": list(tokens.features.shape[1:]),
        "width": len(features),
        "mean_norm": round(float(np.linalg.norm(mean_D)), TOKEN_DIGITS),
        "cosine_to_mean": round(float(cosine.mean()), TOKEN_DIGITS),
    }


def line(scene: Scene) -> str:
    """Return ``row`` as one line of JSON, without its end."""
    return json.dumps(row(scene), ensure_ascii=False)


class LineWriter:
    """Writes each scene as one complete line, so that whatever ends a run leaves whole rows.

    The file is made with its first line, or empty on leaving the ``with`` block without an error.

    Args:
        path: The file; None is the standard output.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._num_bytes = 0
        self.num_lines = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._open()
        if self._file and self._path:
            self._file.close()

    def write(self, scene: Scene) -> None:
        """Write one line.

        Raises:
            OSError: the disk is full or gone; the lines before are whole.
        """
        file, data = self._open(), line(scene).encode() + b"\n"
        try:
            written = 0
            while written < len(data):  # unbuffered files may take a part
                written += file.write(data[written:])
            file.flush()
        except OSError as error:
            if self._path is None:
                raise
            file.truncate(self._num_bytes)
            raise _write_error(self._path, error) from None
        self._num_bytes += len(data)
        self.num_lines += 1

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._file = self._path.open("wb", buffering=0) if self._path else sys.stdout.buffer
        return self._file


class ArrayWriter:
    """Writes each scene's full outputs as one .npz, and the names of the classes beside them.

    Args:
        folder: Made where it is missing; such files of an earlier run are removed, others stay.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            if WRITTEN.fullmatch(path.name):
                path.unlink()

    def write(self, scene: Scene) -> None:
        """Write ``window_000123.npz``: span_us (2,), scores (K,), class_ids and depth_m (H, W).

        A bare encoder gives ``tokens`` (D, h, w) instead.

        Raises:
            OSError: the disk is full or gone; this window has no file.
        """
        prediction = scene.prediction
        arrays: dict[str, npt.NDArray[Any]] = {
            "span_us": np.array([scene.packet.start_us, scene.packet.end_us])
        }
        if prediction and prediction.recognition:
            arrays["scores"] = prediction.recognition.scores
            self._write_labels("recognition_labels.txt", prediction.recognition.labels)
        if prediction and prediction.segmentation:
            arrays["class_ids"] = prediction.segmentation.class_ids
            self._write_labels("segmentation_labels.txt", prediction.segmentation.labels)
        if prediction and prediction.depth:
            arrays["depth_m"] = prediction.depth.depth_m
        if prediction and prediction.tokens:
            arrays["tokens"] = prediction.tokens.features
        path = self._folder / f"window_{scene.index:06d}.npz"
        try:
            np.savez_compressed(path, allow_pickle=False, **arrays)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise _write_error(path, error) from None

    def _write_labels(self, name: str, labels: tuple[str, ...]) -> None:
        path = self._folder / name
        if not path.exists():
            path.write_text("\n".join(labels) + "\n")


def _write_error(path: Path, error: OSError) -> OSError:
    """Return the error with its file's name, which writing, unlike opening, does not tell."""
    return OSError(error.errno, error.strerror, str(path))
