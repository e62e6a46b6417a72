"""Variants of an engine: one network in another precision, opset or with open axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import onnx

from export.calibration import Calibration
from export.compact import store_halves, with_scales_apart
from export.half import kept_in_float32
from export.onnx_graph import OPSET, OPSETS, export_graph
from export.quantize import to_int8
from export.sensitivity import Sensitivity
from models.card import ModelCard
from models.perception import Perception

FIRST_HALF_SCALES = 19
"""Opset from which QuantizeLinear takes float16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """How an engine is to be made of its model."""

    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    target: Literal["cpu", "tensorrt"] = "cpu"
    """What is to run an int8 engine; for TensorRT, layers that are kept compute in fp16."""
    opset: int = OPSET
    is_dynamic: bool = False
    """Whether batch and input size stay open."""
    is_compact: bool = False
    """Whether an fp32 engine keeps weights in half precision where that loses nothing."""
    budget: float | None = None
    """Largest error that int8 in one layer may bring; None is the target's: see export.qdq."""

    def __post_init__(self) -> None:
        if self.opset not in OPSETS:
            raise ValueError(f"opset must be one of {OPSETS}, got {self.opset}")
        if self.budget is not None and not self.budget > 0:
            raise ValueError(f"the budget must be above 0, got {self.budget}")
        if self.is_compact and self.precision != "fp32":
            raise ValueError(f"only fp32 engines are made compact, got {self.precision}")
        if self.float_precision == "fp16" != self.precision and self.opset < FIRST_HALF_SCALES:
            raise ValueError(
                f"int8 for TensorRT needs opset {FIRST_HALF_SCALES} or 20, got {self.opset}"
            )

    @property
    def float_precision(self) -> Literal["fp32", "fp16"]:
        """What computes in floating point does so in this."""
        if self.precision == "int8":
            return "fp16" if self.target == "tensorrt" else "fp32"
        return self.precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An engine that is not yet a file."""

    model: onnx.ModelProto
    card: ModelCard
    """Without parity figures."""
    report: dict[str, Any]
    """What was kept in which precision and why, in full; the card has it in short."""


def build_variant(
    module: Perception,
    card: ModelCard,
    variant: Variant,
    calibration: Calibration | None = None,
    *,
    progress: Callable[[Sensitivity], None] = lambda row: None,
) -> Built:
    """Return an engine of ``module``.

    Args:
        module: In eval mode.
        card: The model's, its input size the engine's.
        variant: How.
        calibration: Of windows as the card makes them; needed for int8.
        progress: Is called with each layer once int8 in it has been measured.

    Raises:
        EngineError: torch cannot export the module.
        ValueError: the network cannot be of any size.
    """
    if variant.is_dynamic:
        card = replace(card, is_dynamic=True, size_multiple=module.encoder.strides[-1])
    card = replace(card, precision=variant.float_precision)
    exported = with_scales_apart(module) if variant.is_compact else module
    model = export_graph(exported, card, opset=variant.opset)
    made: dict[str, Any] = {"opset": variant.opset}
    if variant.is_compact:
        made["kept_as_fp16"] = round(store_halves(model), 4)
    if variant.float_precision == "fp16":
        made["kept_in_fp32"] = kept_in_float32(model)
    report = dict(made)
    if variant.precision == "int8":
        assert calibration is not None, "int8 needs windows to calibrate on"
        quantization = to_int8(
            model, calibration, target=variant.target, budget=variant.budget, progress=progress
        )
        model = quantization.model
        made["int8"], report["int8"] = quantization.describe(), quantization.report()
    card = replace(
        card, precision=variant.precision, provenance={**card.provenance, "export": made}
    )
    return Built(model=model, card=card, report=report)
