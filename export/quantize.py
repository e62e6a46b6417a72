"""Int8 engines: calibrated on real windows, their most sensitive layers left in floating point.

Measured in turns on the default engine, whose work is mostly convolutions, on a processor without
VNNI: this takes little more than half of float32's time at a third of its size. Dynamic int8, which
has to leave convolutions as they are, saved a twentieth of the time and is not offered;
`saccade bench --only export` measures what is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import onnx

from export.calibration import Calibration, find_ranges
from export.layers import layers_of
from export.qdq import FORMS, activations, quantized
from export.sensitivity import Sensitivity, measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """An int8 graph and how it was made."""

    model: onnx.ModelProto
    target: str
    float_type: str
    """What the layers that were kept compute in."""
    budget: float
    calibration: Calibration
    layers: tuple[Sensitivity, ...]
    """In the graph's order."""

    @property
    def kept(self) -> list[Sensitivity]:
        """The layers that stayed in floating point, the most sensitive first."""
        kept = [each for each in self.layers if each.kept_because is not None]
        return sorted(kept, key=lambda each: -each.error)

    def describe(self) -> dict[str, Any]:
        """Return what a card says of it."""
        return {
            "target": self.target,
            "calibration": self.calibration.describe(),
            "budget": self.budget,
            "num_layers": len(self.layers),
            "kept_in": self.float_type,
            "kept": {each.layer.name: each.kept_because for each in self.kept},
        }

    def report(self) -> dict[str, Any]:
        """Return all that was measured, layer by layer."""
        rows = [
            {
                "layer": each.layer.name,
                "operator": each.layer.operator,
                "errors": dict(each.errors),
                "precision": "int8" if each.kept_because is None else self.float_type,
                "kept_because": each.kept_because,
            }
            for each in self.layers
        ]
        return {**self.describe(), "layers": rows}


def to_int8(
    model: onnx.ModelProto,
    calibration: Calibration,
    *,
    target: str = "cpu",
    budget: float | None = None,
    progress: Callable[[Sensitivity], None] = lambda row: None,
) -> Quantization:
    """Return ``model`` in int8, but for the layers whose error alone is over the budget.

    Args:
        model: Of one input size, or of any; float32 or float16.
        calibration: Windows as the model takes them.
        target: One of FORMS.
        budget: Largest error that int8 in one layer may bring; None is the form's.
        progress: Is called with each layer once it has been measured.
    """
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    del plain.graph.value_info[:]  # what is between the layers will have other names
    form, layers = FORMS[target], layers_of(plain)
    budget = form.budget if budget is None else budget
    ranges = find_ranges(plain, calibration.streams, activations(plain, layers, form))
    rows = []
    for row in measure(plain, ranges, layers, form, calibration.held_out, budget=budget):
        progress(row)
        rows.append(row)
    chosen = [row.layer for row in rows if row.kept_because is None]
    is_half = any(item.data_type == onnx.TensorProto.FLOAT16 for item in model.graph.initializer)
    return Quantization(
        model=quantized(plain, ranges, chosen, form),
        target=target,
        float_type="fp16" if is_half else "fp32",
        budget=budget,
        calibration=calibration,
        layers=tuple(rows),
    )
