"""An engine of an encoder without heads: one patch embedding with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from events.representations.voxel_grid import VoxelGridSpec
from models.card import METADATA_KEY, TOKENS, ModelCard

HEIGHT, WIDTH, PATCH, NUM_FEATURES = 64, 96, 8, 24


def write_bare_engine(folder: Path) -> Path:
    """Write bare.onnx into ``folder``; return its path."""
    card = ModelCard(
        name="bare",
        spec=VoxelGridSpec(num_bins=5, normalization="nonzero_rms"),
        window_us=50_000,
        stride_us=20_000,
        input_height=HEIGHT,
        input_width=WIDTH,
        tasks=(),
    )
    random = np.random.default_rng(0)
    shape = (NUM_FEATURES, card.spec.num_channels, PATCH, PATCH)
    weights = random.normal(size=shape).astype(np.float32)
    bias = random.normal(size=NUM_FEATURES).astype(np.float32)
    node = helper.make_node("Conv", ["events", "weights", "bias"], [TOKENS], strides=[PATCH, PATCH])
    graph = helper.make_graph(
        [node],
        "bare",
        [_value("events", (1, shape[1], HEIGHT, WIDTH))],
        [_value(TOKENS, (1, NUM_FEATURES, HEIGHT // PATCH, WIDTH // PATCH))],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    opsets = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.save(model, folder / "bare.onnx")
    return folder / "bare.onnx"


def _value(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
