"""Parity: an engine against the model it was made from, over a stretch of real windows."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.backends import eager, onnxruntime
from export.backends.backend import Engine, Outputs
from models.card import TOKENS

Grid = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far an engine may be from its model."""

    max_abs_error: float = 1e-3
    """Of any logit, of any depth in metres; of any token, in units of the model's own spread."""
    min_agreement: float = 0.999
    """Share of windows (recognition) and of pixels (segmentation) with the same label."""
    max_depth_rel_error: float = 1e-3
    """Mean over pixels of |engine - model| / model."""
    min_token_cosine: float = 0.9999
    """Mean over a bare encoder's cells of the cosine between the engine's and the model's token."""

    @staticmethod
    def of(precision: str) -> Tolerance:
        """Return what is allowed to an engine that computes in ``precision``: see ModelCard."""
        return {"fp16": Tolerance.half, "int8": Tolerance.quantized}.get(precision, Tolerance)()

    @staticmethod
    def half() -> Tolerance:
        """For fp16: logits may move, labels may not."""
        return Tolerance(
            max_abs_error=0.5,
            min_agreement=0.99,
            max_depth_rel_error=0.01,
            min_token_cosine=0.999,
        )

    @staticmethod
    def quantized() -> Tolerance:
        """For int8: judged by what the user sees."""
        return Tolerance(
            max_abs_error=float("inf"),
            min_agreement=0.97,
            max_depth_rel_error=0.03,
            min_token_cosine=0.98,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityReport:
    """What the comparison found; a task that the engine does not have is None."""

    num_windows: int
    max_abs_error: float
    """Over all outputs and windows; of tokens, in units of the model's root mean square."""
    recognition_agreement: float | None
    """Share of windows whose likeliest label is the model's."""
    segmentation_agreement: float | None
    """Share of pixels whose label is the model's."""
    depth_rel_error: float | None
    """Mean over pixels of |engine - model| / model."""
    token_cosine: float | None
    """Mean over cells of the cosine between the engine's and the model's token."""
    model_ms: float
    """Median time of one run."""
    engine_ms: float
    provider: str

    def failures(self, tolerance: Tolerance) -> list[str]:
        """Return one line for each limit that is passed; empty when the engine is good."""
        found = []
        if not self.max_abs_error <= tolerance.max_abs_error:  # also where it is NaN
            found.append(
                f"max abs error {self.max_abs_error:.3g} is over {tolerance.max_abs_error:g}"
            )
        for task, agreement in (
            ("recognition", self.recognition_agreement),
            ("segmentation", self.segmentation_agreement),
        ):
            if agreement is not None and not agreement >= tolerance.min_agreement:
                found.append(
                    f"{task} agrees on {agreement:.2%}, less than {tolerance.min_agreement:.2%}"
                )
        error = self.depth_rel_error
        if error is not None and not error <= tolerance.max_depth_rel_error:
            found.append(
                f"depth is off by {error:.2%}, more than {tolerance.max_depth_rel_error:.2%}"
            )
        cosine = self.token_cosine
        if cosine is not None and not cosine >= tolerance.min_token_cosine:
            found.append(
                f"tokens have a cosine of {cosine:.4f}, less than {tolerance.min_token_cosine:g}"
            )
        return found

    def describe(self, source: str, tolerance: Tolerance) -> dict[str, Any]:
        """Return what a card says of it; times are of one machine and left out.

        Args:
            source: What the windows were of.
            tolerance: That the engine was held to.
        """
        measured = {
            key: value
            for key, value in asdict(self).items()
            if value is not None and key not in ("model_ms", "engine_ms")
        }
        limits = {key: value for key, value in asdict(tolerance).items() if math.isfinite(value)}
        return {"input": source, **measured, "tolerance": limits}

    def __str__(self) -> str:
        parts = [f"{self.num_windows} windows", f"max abs error {self.max_abs_error:.2g}"]
        if self.recognition_agreement is not None:
            parts.append(f"recognition agrees {self.recognition_agreement:.2%}")
        if self.segmentation_agreement is not None:
            parts.append(f"segmentation agrees {self.segmentation_agreement:.3%}")
        if self.depth_rel_error is not None:
            parts.append(f"depth off {self.depth_rel_error:.2g}")
        if self.token_cosine is not None:
            parts.append(f"tokens' cosine {self.token_cosine:.6f}")
        parts.append(f"model {self.model_ms:.1f} ms, {self.provider} {self.engine_ms:.1f} ms")
        return ", ".join(parts)


def compare(
    model_path: Path, engine_path: Path, grids: Iterable[Grid], *, provider: str = "cpu"
) -> ParityReport:
    """Run a model file and an ONNX engine on the same grids, each (C, input_height, input_width).

    Raises:
        EngineError: a file cannot be loaded.
        ValueError: there are no grids.
    """
    model = eager.load(model_path, provider="cpu")
    return compare_engines(model, onnxruntime.load(engine_path, provider=provider), grids)


def compare_engines(model: Engine, engine: Engine, grids: Iterable[Grid]) -> ParityReport:
    """Run two engines on the same grids; ``model`` is the truth."""
    rows = []
    model_s, engine_s = [], []
    for grid in grids:
        expected, duration_s = _timed(model, grid)
        model_s.append(duration_s)
        found, duration_s = _timed(engine, grid)
        engine_s.append(duration_s)
        rows.append(_difference(expected, found))
    if not rows:
        raise ValueError("parity needs at least one window, got none")

    def mean(output: str) -> float | None:
        return float(np.mean([row[output] for row in rows])) if output in rows[0] else None

    return ParityReport(
        num_windows=len(rows),
        max_abs_error=float(np.max([row["max_abs"] for row in rows])),
        recognition_agreement=mean("recognition"),
        segmentation_agreement=mean("segmentation"),
        depth_rel_error=mean("depth"),
        token_cosine=mean(TOKENS),
        model_ms=1e3 * float(np.median(model_s)),
        engine_ms=1e3 * float(np.median(engine_s)),
        provider=engine.provider,
    )


def _timed(engine: Engine, grid: Grid) -> tuple[Outputs, float]:
    started_s = time.perf_counter()
    outputs = engine.run(grid)
    return outputs, time.perf_counter() - started_s


def _difference(expected: Outputs, found: Outputs) -> dict[str, float]:
    """Return the largest error, and by output how far the labels, depths or tokens agree."""
    spread = {k: _rms(expected[k]) if k == TOKENS else 1.0 for k in expected}
    errors = {k: float(np.abs(found[k] - expected[k]).max()) / spread[k] for k in expected}
    row = {"max_abs": max(errors.values())}
    for task in ("recognition", "segmentation"):
        if task in expected:
            row[task] = float(np.mean(found[task].argmax(1) == expected[task].argmax(1)))
    if "depth" in expected:
        error = np.abs(found["depth"] - expected["depth"]) / np.abs(expected["depth"])
        row["depth"] = float(error.mean())
    if TOKENS in expected:
        row[TOKENS] = _cosine(expected[TOKENS], found[TOKENS])
    return row


def _rms(values: Grid) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) or 1.0


def _cosine(expected: Grid, found: Grid) -> float:
    """Return the mean over cells of the cosine between two (1, D, h, w) maps."""
    one, other = expected.astype(np.float64), found.astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(np.mean((one * other).sum(1) / np.maximum(lengths, np.finfo(np.float64).tiny)))
