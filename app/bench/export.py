"""Every way to export the default engine: its size, how far it is from the model, its speed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.bench.row import Row, alternating_ms
from events.sources.open import open_source
from export.backends import onnxruntime
from export.backends.eager import EagerEngine
from export.backends.onnxruntime import OnnxEngine
from export.calibration import DEFAULT_INPUTS, read_calibration
from export.onnx_graph import write_model
from export.parity import Grid, ParityReport, compare_engines
from export.providers import cpu
from export.stretch import grids_of
from export.variant import Variant, build_variant
from models.model_file import load_model

VARIANTS = {
    "fp32": Variant(),
    "fp32, compact": Variant(is_compact=True),
    "fp32, opset 18": Variant(opset=18),
    "fp32, dynamic": Variant(is_dynamic=True),
    "fp16": Variant(precision="fp16"),
    "int8": Variant(precision="int8"),
    "int8 for TensorRT": Variant(precision="int8", target="tensorrt"),
}
BASELINE = "fp32"
RECORDING, NUM_WINDOWS = "synthetic:0", 16
NUM_ROUNDS = 20
NUM_THREADS = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One variant of the engine."""

    size_mb: float
    parity: ParityReport
    latency_ms: dict[int, float]
    """By the number of threads."""


def rows(model_path: Path) -> Iterator[Row]:
    """Yield four rows for each variant: megabytes, error, and milliseconds by threads."""
    measured = measure(model_path)
    baseline = measured[BASELINE]
    for name, each in measured.items():
        is_baseline = each is baseline
        yield Row(
            section="export",
            name=f"{name}: file",
            value=each.size_mb,
            unit="MB",
            baseline=None if is_baseline else baseline.size_mb,
        )
        yield Row(
            section="export",
            name=f"{name}: max abs error",
            value=each.parity.max_abs_error,
            unit="",
            note=_agreement(each.parity),
        )
        for num, latency_ms in each.latency_ms.items():
            yield Row(
                section="export",
                name=f"{name}: CPU, {num} thread{'s' * (num > 1)}",
                value=latency_ms,
                unit="ms",
                baseline=None if is_baseline else baseline.latency_ms[num],
                note=f"{1e3 / latency_ms:.0f} windows/s",
            )


def measure(model_path: Path) -> dict[str, Measured]:
    """Export a model file in every way; return what was found, by variant."""
    module, card = load_model(model_path)
    calibration = read_calibration(DEFAULT_INPUTS, card, open_source)
    grids = list(grids_of(open_source(RECORDING), card, NUM_WINDOWS))
    sizes_mb: dict[str, float] = {}
    parity: dict[str, ParityReport] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{i}.onnx" for i, name in enumerate(VARIANTS)}
        for name, variant in VARIANTS.items():
            built = build_variant(module, card, variant, calibration)
            write_model(built.model, built.card, paths[name])
            sizes_mb[name] = paths[name].stat().st_size / 1e6
            engine = onnxruntime.load(paths[name], provider="cpu")
            parity[name] = compare_engines(EagerEngine(module, card), engine, grids)
        speeds = {num: _latency_ms(paths, num, grids[0]) for num in NUM_THREADS}
    return {
        name: Measured(
            size_mb=sizes_mb[name],
            parity=parity[name],
            latency_ms={num: speeds[num][name] for num in NUM_THREADS},
        )
        for name in VARIANTS
    }


def _latency_ms(
    paths: dict[str, Path],
    num_threads: int,
    grid: Grid,
) -> dict[str, float]:
    """Return the median latency of each engine, taken in turns."""
    engines: dict[str, OnnxEngine] = {
        name: onnxruntime.load(path, provider="cpu", config=cpu.Config(num_threads=num_threads))
        for name, path in paths.items()
    }
    return alternating_ms(
        {name: lambda engine=engine: engine.run(grid) for name, engine in engines.items()},  # type: ignore[misc]
        num_rounds=NUM_ROUNDS,
    )


def _agreement(report: ParityReport) -> str:
    parts = {
        "recognition agrees": report.recognition_agreement,
        "segmentation agrees": report.segmentation_agreement,
        "depth is off by": report.depth_rel_error,
        "tokens' cosine": report.token_cosine,
    }
    return ", ".join(f"{name} {value:.3%}" for name, value in parts.items() if value is not None)
