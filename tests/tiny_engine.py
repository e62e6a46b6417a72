"""A tiny network with random weights and its ONNX engine, made by the real export code."""

from __future__ import annotations

from pathlib import Path

import torch

from events.representations.voxel_grid import VoxelGridSpec
from export.onnx_graph import write_onnx
from models.card import ModelCard
from models.model_file import save_model
from models.perception import Perception

TASKS = ("recognition", "segmentation", "depth")


def tiny_card(tasks: tuple[str, ...] = TASKS) -> ModelCard:
    return ModelCard(
        name="tiny",
        spec=VoxelGridSpec(num_bins=5, normalization="nonzero_rms"),
        window_us=50_000,
        stride_us=20_000,
        input_height=64,
        input_width=96,
        tasks=tasks,
        recognition_labels=tuple(f"kind {i}" for i in range(7)),
        segmentation_labels=("background", "ground", "box"),
        depth_range_m=(0.5, 20.0),
        encoder={
            "kind": "hybrid",
            "widths": [8, 8, 16, 16],
            "depths": [1, 1, 1, 1],
            "stem_width": 8,
            "num_attention_heads": 2,
        },
    )


def tiny_module(card: ModelCard, seed: int = 0) -> Perception:
    """The card's network with random weights, its predictions far enough apart to compare."""
    torch.manual_seed(seed)
    module = Perception(card)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.mul_(2)
    return module.eval()


def write_tiny_engine(folder: Path) -> Path:
    """Write tiny.safetensors and tiny.onnx into ``folder``; return the engine's path."""
    card = tiny_card()
    module = tiny_module(card)
    save_model(folder / "tiny.safetensors", module, card)
    write_onnx(module, card, folder / "tiny.onnx")
    return folder / "tiny.onnx"
