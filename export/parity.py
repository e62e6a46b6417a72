"""Parity: an engine against the model it was made from, over a stretch of real windows."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket
from export.backends.backend import Engine, EventEngine, Memory, Outputs
from models.card import DEPTH_M, LABELS, TOKENS, ModelCard

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
    def of(card: ModelCard) -> Tolerance:
        """Return what is allowed to an engine of a card, by what it computes in."""
        if card.precision == "fp32":
            return Tolerance.stream() if card.is_streaming else Tolerance()
        return Tolerance.half() if card.precision == "fp16" else Tolerance.quantized()

    @staticmethod
    def stream() -> Tolerance:
        """For engines that stream in fp32: that they remember must not be seen."""
        return Tolerance(max_abs_error=1e-4)

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
    """Over all outputs and windows; of tokens, in units of the model's root mean square; of a
    stream's other outputs, in units of the model's largest value in the window, or of 1."""
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


class Pair(NamedTuple):
    """What a model and an engine say of one window, and how long they took."""

    expected: Outputs
    found: Outputs
    model_s: float
    engine_s: float


def compare_engines(
    model: Engine, engine: Engine, windows: Iterable[Grid | EventPacket]
) -> ParityReport:
    """Run two engines on the same grids, or raw events; ``model`` is the truth.

    Of engines that stream, the windows are one stream.

    Raises:
        ValueError: there are no windows.
    """
    memories = model.new_memory(), engine.new_memory()
    pairs = (_both(model, engine, window, *memories) for window in windows)
    return report_on(pairs, engine.provider)


def report_on(pairs: Iterable[Pair], provider: str, *, is_relative: bool = False) -> ParityReport:
    """Return what comparing them finds.

    Args:
        pairs: Of each window.
        provider: What ran the engine.
        is_relative: Whether errors are in units of the model's largest value, as a stream's.

    Raises:
        ValueError: there are none.
    """
    rows, model_s, engine_s = [], [], []
    for pair in pairs:
        rows.append(_difference(pair.expected, pair.found, is_relative=is_relative))
        model_s.append(pair.model_s)
        engine_s.append(pair.engine_s)
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
        provider=provider,
    )


def _both(
    model: Engine,
    engine: Engine,
    window: Grid | EventPacket,
    of_model: Memory | None,
    of_engine: Memory | None,
) -> Pair:
    expected, model_s = timed(model, window, of_model)
    found, engine_s = timed(engine, window, of_engine)
    return Pair(expected, found, model_s, engine_s)


def timed(
    engine: Engine, window: Grid | EventPacket, memory: Memory | None = None
) -> tuple[Outputs, float]:
    """Return what an engine says of one window, and the seconds that it took."""
    started_s = time.perf_counter()
    outputs = said(engine, window, memory)
    return outputs, time.perf_counter() - started_s


def said(engine: Engine, window: Grid | EventPacket, memory: Memory | None = None) -> Outputs:
    """Return what an engine says of one window, a grid or raw events."""
    if isinstance(window, EventPacket):
        assert isinstance(engine, EventEngine)
        return engine.run_events(window, memory)
    return engine.run(window, memory)


def _difference(expected: Outputs, found: Outputs, *, is_relative: bool) -> dict[str, float]:
    """Return the largest error, and by output how far the labels, depths or tokens agree."""
    raw = set(expected) - {LABELS, DEPTH_M}  # those are rounded: a hair may be a whole step
    spread = {k: max(1.0, _largest(expected[k])) if is_relative else 1.0 for k in raw}
    if TOKENS in expected:
        spread[TOKENS] = _rms(expected[TOKENS])
    errors = {k: _largest(found[k] - expected[k]) / spread[k] for k in raw}
    row = {"max_abs": max(errors.values(), default=0.0)}
    for task in ("recognition", "segmentation"):
        if task in expected:
            row[task] = float(np.mean(found[task].argmax(1) == expected[task].argmax(1)))
    if LABELS in expected:
        row["segmentation"] = float(np.mean(found[LABELS] == expected[LABELS]))
    for name in {"depth", DEPTH_M} & set(expected):
        metres = expected[name].astype(np.float32)
        row["depth"] = float((np.abs(found[name] - metres) / np.abs(metres)).mean())
    if TOKENS in expected:
        row[TOKENS] = _cosine(expected[TOKENS], found[TOKENS])
    return row


def _largest(values: Grid) -> float:
    return float(np.abs(values).max())


def _rms(values: Grid) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) or 1.0


def _cosine(expected: Grid, found: Grid) -> float:
    """Return the mean over cells of the cosine between two (1, D, h, w) maps."""
    one, other = expected.astype(np.float64), found.astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(np.mean((one * other).sum(1) / np.maximum(lengths, np.finfo(np.float64).tiny)))
