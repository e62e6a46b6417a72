"""What is in an engine's or a model's file: its card, and what can be counted."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.backends.backend import EngineError
from models.card import CardError, ModelCard

if TYPE_CHECKING:
    from export.trt.container import PlanKey

READABLE = (".onnx", ".safetensors", ".trt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """An engine or a model, looked at but not loaded to run."""

    path: Path
    num_bytes: int
    card: ModelCard
    num_parameters: int
    num_flops: int | None
    """Of one window at the card's size: see export.flops; None where shapes are not known."""
    operators: Mapping[str, int]
    """How often each occurs, the most frequent first; of a model file empty."""
    opset: int | None
    """Of a model file None."""
    plan: PlanKey | None = None
    """What the plan of a .trt depends on; all else is of the ONNX inside."""

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        plan = {"plan": asdict(self.plan)} if self.plan else {}
        return {
            "path": str(self.path),
            "bytes": self.num_bytes,
            "parameters": self.num_parameters,
            "flops": self.num_flops,
            "opset": self.opset,
            "operators": dict(self.operators),
            **plan,
            "card": {**json.loads(self.card.to_json()), "schema_version": self.card.schema_version},
        }


def inspect_file(path: Path) -> Inspection:
    """Return what is in a file.

    Raises:
        EngineError: the file is missing, damaged, of another program, or of another kind.
    """
    if path.suffix == ".onnx":
        return _inspect_onnx(path)
    if path.suffix == ".safetensors":
        return _inspect_model(path)
    if path.suffix == ".trt":
        return _inspect_plan(path)
    raise EngineError(f"{path}: inspect reads {', '.join(READABLE)} files")


def _inspect_onnx(path: Path) -> Inspection:
    from export.onnx_card import read_card

    card = read_card(path)  # says in one line what is wrong with a file that is none
    import onnx

    return _inspect_graph(path, card, onnx.load(path))


def _inspect_plan(path: Path) -> Inspection:
    from export.trt.container import read_engine

    file = read_engine(path)
    import onnx

    graph = _inspect_graph(path, file.card, onnx.load_from_string(file.read_onnx()))
    return replace(graph, plan=file.key)


def _inspect_graph(path: Path, card: ModelCard, model: Any) -> Inspection:
    from export.flops import UnknownShapeError, count_flops

    shape = (card.spec.num_channels, card.input_height, card.input_width)
    try:
        num_flops = count_flops(model, shape if card.is_dynamic else None)
    except UnknownShapeError:
        num_flops = None
    operators = Counter(node.op_type for node in model.graph.node)
    return Inspection(
        path=path,
        num_bytes=path.stat().st_size,
        card=card,
        num_parameters=_num_parameters(model),
        num_flops=num_flops,
        operators=dict(operators.most_common()),
        opset=next((each.version for each in model.opset_import if each.domain == ""), None),
    )


def _num_parameters(model: Any) -> int:
    """Return how many numbers the weights are; not counted are shapes and int8's scales."""
    from onnx import TensorProto

    of_weights = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8)
    scales = {
        name
        for node in model.graph.node
        if node.op_type in ("QuantizeLinear", "DequantizeLinear")
        for name in node.input[1:]
    }
    return sum(
        math.prod(item.dims)
        for item in model.graph.initializer
        if item.data_type in of_weights and item.name not in scales
    )


def _inspect_model(path: Path) -> Inspection:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from models.model_file import load_model

    try:
        module, card = load_model(path)
    except (CardError, OSError) as error:
        raise EngineError(str(error)) from None
    grid = torch.zeros(1, card.spec.num_channels, card.input_height, card.input_width)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(grid)
    return Inspection(
        path=path,
        num_bytes=path.stat().st_size,
        card=card,
        num_parameters=sum(value.numel() for value in module.parameters()),
        num_flops=counter.get_total_flops(),
        operators={},
        opset=None,
    )
