"""A tiny network with a part that remembers, and its ONNX engine, made by the real export code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from tiny_engine import TASKS, tiny_card, tiny_module

from export.onnx_graph import write_onnx
from models.card import ModelCard
from models.model_file import save_model
from models.perception import Perception, describe_encoder
from models.temporal import causal_transformer, conv_recurrent
from models.temporal.temporal import TemporalConfig

HEIGHT, WIDTH = 32, 64
CELLS = 1 * 2
"""Of the tiny encoder's last map."""
PARTS: dict[str, TemporalConfig] = {
    "conv_recurrent": conv_recurrent.Config(state_width=8),
    "causal_transformer": causal_transformer.Config(
        depth=2, head_width=8, context_tokens=16 * CELLS
    ),
}


def stream_card(kind: str, tasks: tuple[str, ...] = TASKS) -> ModelCard:
    temporal = describe_encoder(PARTS[kind])
    return replace(
        tiny_card(tasks),
        name="stream",
        input_height=HEIGHT,
        input_width=WIDTH,
        temporal=temporal,
        is_streaming=True,
        max_gap_us=500_000,
    )


def stream_module(card: ModelCard) -> Perception:
    """The card's network with random weights; what it remembers tells in what it says."""
    module = tiny_module(card)
    assert module.temporal is not None
    with torch.no_grad():
        for value in module.temporal.parameters():
            value.copy_(torch.randn_like(value) * 0.3)
    return module


def write_stream_engine(folder: Path, kind: str) -> Path:
    """Write stream.safetensors and stream.onnx into ``folder``; return the engine's path."""
    card = stream_card(kind)
    module = stream_module(card)
    save_model(folder / "stream.safetensors", module, card)
    write_onnx(module, card, folder / "stream.onnx")
    return folder / "stream.onnx"
