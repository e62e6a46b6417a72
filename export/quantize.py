"""Faster engines for CPUs: dynamic int8 in matrix products; input and outputs stay float32."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import onnx

from export.onnx_card import read_card
from export.onnx_graph import write_model


def to_int8(source: Path, target: Path) -> None:
    """Write ``source`` with MatMul and Gemm in dynamic int8.

    Convolutions stay float32: ONNX Runtime's integer convolution is slower than its float one.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    card = read_card(source)
    model = onnx.load(source)
    del model.graph.value_info[:]  # torch's shapes contradict those that the quantiser infers
    part = target.with_name(target.name + ".int8")
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        quantize_dynamic(
            model,
            part,
            op_types_to_quantize=["MatMul", "Gemm"],
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
        write_model(onnx.load(part), dataclasses.replace(card, precision="int8"), target)
    finally:
        log.setLevel(level)
        part.unlink(missing_ok=True)
