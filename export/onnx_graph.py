"""From a torch module to one ONNX file, weights and card inside; static shapes unless asked."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from export.any_size import name_open_axes
from export.backends.backend import EngineError
from export.engine_graph import EngineGraph, engine_graph
from export.layers import drop_traces
from export.runtime_errors import first_line
from models.card import METADATA_KEY, ModelCard

OPSETS = (18, 19, 20)
"""From the first that torch writes to the newest that TensorRT 10 reads. All have
LayerNormalization as one node; Gelu is one from 20 on."""
OPSET = 20


def write_onnx(module: nn.Module, card: ModelCard, path: Path, *, opset: int = OPSET) -> None:
    """Write ``module`` as one ONNX file; replaces ``path`` when complete.

    Args:
        module: As ``engine_graph`` takes it.
        card: Decides the graph; written into the file's metadata.
        path: The engine file.
        opset: One of OPSETS.

    Raises:
        EngineError: torch cannot export the module, or the file cannot be written.
        ValueError: the module cannot take the card's input size.
    """
    write_model(export_graph(module, card, opset=opset), card, path)


def export_graph(module: nn.Module, card: ModelCard, *, opset: int = OPSET) -> onnx.ModelProto:
    """Return ``module`` as a checked ONNX graph, without its card; raises as ``write_onnx``."""
    graph = engine_graph(module, card)
    try:
        model = _exported(graph, opset)
    except torch.onnx.errors.OnnxExporterError as error:
        raise EngineError(f"torch cannot export {card.name}: {first_line(error)}") from error
    drop_traces(model)
    if card.is_dynamic:
        name_open_axes(model)
    return model


def write_model(model: onnx.ModelProto, card: ModelCard, path: Path) -> None:
    """Write an ONNX graph with ``card`` as its metadata; replaces ``path`` when complete."""
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(model.SerializeToString())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EngineError(f"cannot write {path}: {error.strerror}") from None


def _exported(graph: EngineGraph, opset: int) -> onnx.ModelProto:
    """Return the checked graph; the exporter's own chatter is kept to errors."""
    exporter_log = logging.getLogger("torch.onnx")
    level = exporter_log.level
    exporter_log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                graph.module,
                tuple(graph.inputs.values()),
                dynamo=True,
                opset_version=opset,
                external_data=False,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_shapes=graph.dynamic,
                report=False,
                verbose=False,
            )
    finally:
        exporter_log.setLevel(level)
    assert program is not None  # dynamo's exporter always returns one
    model = program.model_proto
    onnx.checker.check_model(model, full_check=True)
    return model
