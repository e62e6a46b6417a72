from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import models.encoders
from events.representations.voxel_grid import VoxelGridSpec
from export.backends import onnxruntime
from export.onnx_graph import write_onnx
from models.card import ModelCard
from models.encoders.encoder import Encoder, EncoderConfig
from models.model_file import load_model, save_model
from models.perception import Perception, build_encoder, describe_encoder

NUM_CHANNELS = 5
TASKS = ("recognition", "segmentation", "depth")
TINY: dict[str, dict[str, Any]] = {
    "clip_vision": {
        "width": 16, "depth": 2, "num_attention_heads": 2, "patch_size": 8, "mlp_width": 32,
        "image_size": 24, "embedding_width": 12,
    },
    "conv_vit": {"widths": (8, 8, 16), "depths": (1, 1, 2), "num_attention_heads": 2},
    "dinov2": {
        "width": 16, "depth": 4, "num_attention_heads": 2, "patch_size": 14, "image_size": 42,
    },
    "dinov3": {
        "width": 16, "depth": 2, "num_attention_heads": 2, "patch_size": 8, "mlp_width": 32,
    },
    "hybrid": {
        "widths": (8, 8, 16, 16), "depths": (1, 1, 1, 1), "stem_width": 8,
        "num_attention_heads": 2,
    },
    "swin": {"width": 8, "depths": (1, 1, 2, 1), "num_attention_heads": (1, 1, 2, 2)},
    "vit": {"width": 16, "depth": 4, "num_attention_heads": 2, "patch_size": 8},
}  # fmt: skip
"""Sizes at which a test is quick; an encoder that is not named is tested at its own."""
CHOICES = [
    info.name
    for info in pkgutil.iter_modules(models.encoders.__path__)
    if hasattr(importlib.import_module(f"models.encoders.{info.name}"), "Config")
]


def make_config(name: str) -> EncoderConfig:
    module = importlib.import_module(f"models.encoders.{name}")
    config: EncoderConfig = module.Config(**TINY.get(name, {}))
    return config


def make_encoder(name: str) -> Encoder:
    torch.manual_seed(0)
    return make_config(name).build(NUM_CHANNELS).eval()


def picture(encoder: Encoder, rows: int = 3, columns: int = 2, batch_size: int = 2) -> torch.Tensor:
    cell = encoder.strides[-1]
    generator = torch.Generator().manual_seed(1)
    shape = (batch_size, NUM_CHANNELS, rows * cell, columns * cell)
    return torch.randn(shape, generator=generator)


def make_card(name: str, tasks: tuple[str, ...]) -> ModelCard:
    cell = make_encoder(name).strides[-1]
    return ModelCard(
        name="tiny",
        spec=VoxelGridSpec(num_bins=NUM_CHANNELS),
        window_us=50_000,
        stride_us=20_000,
        input_height=3 * cell,
        input_width=2 * cell,
        tasks=tasks,
        recognition_labels=("cup", "dog") if tasks else (),
        segmentation_labels=("road", "sky") if tasks else (),
        encoder=describe_encoder(make_config(name)),
    )


@pytest.mark.parametrize("name", CHOICES)
def test_an_encoder_gives_its_maps_at_any_multiple_of_its_last_stride(name: str) -> None:
    encoder = make_encoder(name)
    for rows, columns in ((3, 2), (1, 4)):
        events = picture(encoder, rows, columns)
        maps = encoder(events)
        height, width = events.shape[2:]
        shapes = [tuple(each.shape) for each in maps]
        assert shapes == [
            (2, channels, height // stride, width // stride)
            for channels, stride in zip(encoder.widths, encoder.strides, strict=True)
        ]


@pytest.mark.parametrize("name", CHOICES)
def test_its_tokens_are_one_for_each_cell_of_its_last_map(name: str) -> None:
    encoder = make_encoder(name)
    tokens = encoder.tokens(picture(encoder))
    assert (tokens.height, tokens.width) == (3, 2)
    assert tokens.patches_BND.shape == (2, 6, encoder.widths[-1])
    assert tokens.prefix_BPD.shape[::2] == (2, encoder.widths[-1])
    assert tokens.map.shape == (2, encoder.widths[-1], 3, 2)


@pytest.mark.parametrize("name", CHOICES)
def test_its_maps_and_tokens_depend_on_what_it_is_shown(name: str) -> None:
    encoder = make_encoder(name)
    events = picture(encoder)
    assert not torch.allclose(events[0], events[1])
    for each in (*encoder(events), encoder.tokens(events).patches_BND):
        assert not torch.allclose(each[0], each[1], atol=1e-6)


@pytest.mark.parametrize("name", CHOICES)
def test_every_parameter_learns(name: str) -> None:
    encoder = make_encoder(name).train()
    events = picture(encoder, 4, 4)
    tokens = encoder.tokens(events)
    loss = sum(each.square().sum() for each in encoder(events)) + tokens.all.square().sum()
    if tokens.embedding_BE is not None:
        loss = loss + tokens.embedding_BE.square().sum()
    loss.backward()
    assert [name for name, value in encoder.named_parameters() if value.grad is None] == []


@pytest.mark.parametrize("name", CHOICES)
def test_recomputing_activations_changes_no_gradient(name: str) -> None:
    gradients = []
    for recompute in (False, True):
        encoder = make_encoder(name)
        encoder.activation_checkpointing = recompute
        encoder(picture(encoder))[-1].square().mean().backward()
        gradients.append([p.grad for p in encoder.parameters() if p.grad is not None])
    for kept, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(kept, recomputed)


@pytest.mark.parametrize("tasks", [(), TASKS])
@pytest.mark.parametrize("name", CHOICES)
def test_a_model_file_gives_it_back(name: str, tasks: tuple[str, ...], tmp_path: Path) -> None:
    card = make_card(name, tasks)
    module = Perception(card).eval()
    save_model(tmp_path / "tiny.safetensors", module, card)
    again, card_again = load_model(tmp_path / "tiny.safetensors")
    assert card_again == ModelCard.from_json(card.to_json())
    events = picture(module.encoder)
    expected, found = module(events), again(events)
    assert set(found) == set(card.outputs)
    for output, value in expected.items():
        torch.testing.assert_close(found[output], value, rtol=0, atol=0)


@pytest.mark.parametrize("name", CHOICES)
def test_its_card_rebuilds_it(name: str) -> None:
    rebuilt = build_encoder(ModelCard.from_json(make_card(name, ()).to_json()))
    expected = {key: value.shape for key, value in make_encoder(name).state_dict().items()}
    assert {key: value.shape for key, value in rebuilt.state_dict().items()} == expected


@pytest.mark.parametrize("name", CHOICES)
def test_onnx_runtime_agrees_with_it(name: str, tmp_path: Path) -> None:
    card = make_card(name, ())
    torch.manual_seed(0)
    module = Perception(card).eval()
    write_onnx(module, card, tmp_path / "tiny.onnx")
    engine = onnxruntime.load(tmp_path / "tiny.onnx", provider="cpu")
    events = picture(module.encoder, batch_size=1)
    with torch.no_grad():
        expected = module(events)
    found = engine.run(events[0].numpy())
    assert set(found) == set(card.outputs)
    for output, value in expected.items():
        np.testing.assert_allclose(found[output], value.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CHOICES)
def test_it_compiles_as_one_graph(name: str) -> None:
    encoder = make_encoder(name)
    events = picture(encoder)
    torch.compiler.reset()
    compiled = torch.compile(encoder, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(events)[-1], encoder(events)[-1])
