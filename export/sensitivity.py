"""Which layers suffer from int8: each alone in it, and what becomes of the outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from export.graph_runs import Stream, run_graph
from export.layers import Layer
from export.onnx_shapes import is_memory
from export.qdq import Form, Ranges, quantized

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What int8 in one layer alone does to the engine's outputs."""

    layer: Layer
    errors: Mapping[str, float]
    """By output: root mean square of the difference, in units of the output's own spread; of an
    output of labels the share of pixels that have another."""
    kept_because: str | None
    """Why the layer stays in floating point; None for int8."""

    @property
    def error(self) -> float:
        """Of the output that suffers most."""
        return max(self.errors.values())


def measure(
    model: onnx.ModelProto,
    ranges: Ranges,
    layers: Sequence[Layer],
    form: Form,
    streams: Sequence[Stream],
    *,
    budget: float,
) -> Iterator[Sensitivity]:
    """Yield the sensitivity of each layer in its turn.

    Args:
        model: In floating point.
        ranges: Of all activations that ``layers`` need.
        layers: Of the model.
        form: Of the runtime.
        streams: Windows that calibration has not seen.
        budget: The largest error that one layer may bring.
    """
    names = [item.name for item in model.graph.output if not is_memory(item.name)]
    truth = _joined(run_graph(model, streams), names)
    for layer in layers:
        found = _joined(run_graph(quantized(model, ranges, [layer], form), streams), names)
        errors = {name: output_error(found[name], truth[name]) for name in names}
        worst = max(errors, key=lambda name: errors[name])
        reason = None
        if not errors[worst] <= budget:  # also where it is NaN
            of_what = "pixels" if truth[worst].dtype.kind == "u" else "its spread"
            reason = f"{worst} would be off by {errors[worst]:.3f} of {of_what}"
        elif form.has_quantized_outputs and set(layer.outputs) & set(names):
            reason = "it gives an output, which is floating point"
        yield Sensitivity(layer=layer, errors=errors, kept_because=reason)


def output_error(found: Array, truth: Array) -> float:
    """Return the share of labels that differ, or of other outputs their ``spread_error``."""
    if truth.dtype.kind == "u":
        return float(np.mean(found != truth))
    return spread_error(found, truth)


def spread_error(found: Array, truth: Array) -> float:
    """Return the root mean square of the difference, in units of the truth's standard deviation."""
    difference = found.astype(np.float64) - truth
    return float(np.sqrt(np.mean(difference**2)) / (np.std(truth.astype(np.float64)) or 1.0))


def _joined(runs: Iterable[Mapping[str, Array]], names: Sequence[str]) -> dict[str, Array]:
    rows = [{name: run[name] for name in names} for run in runs]
    return {name: np.stack([row[name] for row in rows]) for name in names}
