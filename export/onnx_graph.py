"""From a torch module to one ONNX file: static shapes, weights and card inside."""

from __future__ import annotations

import copy
import logging
import os
import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from export.backends.backend import EngineError
from models.card import METADATA_KEY, ModelCard
from models.encoders.encoder import Encoder

OPSET = 20
"""The newest that TensorRT 10 reads; LayerNormalization and Gelu are single nodes in it."""


class OrderedOutputs(nn.Module):
    """A perception module computing in ``dtype``; float32 outputs in the order of ``names``."""

    def __init__(self, module: nn.Module, names: tuple[str, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.module = module
        self.names = names
        self.dtype = dtype

    def forward(self, events: Tensor) -> tuple[Tensor, ...]:
        outputs = self.module(events.to(self.dtype))
        return tuple(outputs[name].float() for name in self.names)


def write_onnx(
    module: nn.Module, card: ModelCard, path: Path, *, dtype: torch.dtype = torch.float32
) -> None:
    """Write ``module`` as one ONNX file; replaces ``path`` when complete.

    Args:
        module: In eval mode; takes (1, C, H, W) float32, returns a dictionary of tensors with
            the card's outputs.
        card: Written into the file's metadata.
        path: The engine file.
        dtype: Of weights and operators; input and outputs stay float32.

    Raises:
        EngineError: torch cannot export the module, or the file cannot be written.
        ValueError: the module cannot take the card's input size.
    """
    example = torch.zeros(1, card.spec.num_channels, card.input_height, card.input_width)
    module = copy.deepcopy(module)
    for part in module.modules():
        if isinstance(part, Encoder):
            part.fix_input_size(card.input_height, card.input_width)
    with torch.no_grad():
        module.eval()(example)  # an input that it cannot take is told in its own words, not torch's
    module = module.to(dtype)
    try:
        model = _exported(OrderedOutputs(module, card.outputs, dtype).eval(), example, card.outputs)
    except torch.onnx.errors.OnnxExporterError as error:
        raise EngineError(f"torch cannot export {card.name}: {_first_line(error)}") from error
    write_model(model, card, path)


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


def _exported(module: nn.Module, example: Tensor, outputs: tuple[str, ...]) -> onnx.ModelProto:
    """Return the checked graph; the exporter's own chatter is kept to errors."""
    exporter_log = logging.getLogger("torch.onnx")
    level = exporter_log.level
    exporter_log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                external_data=False,
                input_names=["events"],
                output_names=list(outputs),
                report=False,
                verbose=False,
            )
    finally:
        exporter_log.setLevel(level)
    assert program is not None  # dynamo's exporter always returns one
    model = program.model_proto
    onnx.checker.check_model(model, full_check=True)
    return model


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
