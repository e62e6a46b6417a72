from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, gelu, layer_norm, linear

from events.representations.voxel_grid import VoxelGridSpec
from models.card import ModelCard
from models.layers import sincos_positions
from models.official.layout import (
    OfficialError,
)
from models.official.official import official_names, read_official
from models.perception import Perception

State = dict[str, Tensor]
BINS = 5


def normal(*shape: int) -> Tensor:
    return 0.2 * torch.randn(shape)


def affine(name: str, *shape: int) -> State:
    return {f"{name}.weight": normal(*shape), f"{name}.bias": normal(shape[0])}


def attention_block(name: str, width: int) -> State:
    return {
        **affine(f"{name}.norm1", width),
        **affine(f"{name}.attn.qkv", 3 * width, width),
        **affine(f"{name}.attn.proj", width, width),
        **affine(f"{name}.norm2", width),
        **affine(f"{name}.mlp.fc1", 4 * width, width),
        **affine(f"{name}.mlp.fc2", width, 4 * width),
    }


def embedding(name: str, num_channels: int, width: int, size: int) -> State:
    return affine(f"{name}.proj", width, num_channels, size, size) | affine(f"{name}.norm", width)


def pretraining_heads(width: int) -> State:
    return {
        "pretrain_rec_decoder.mask_token": normal(1, 1, 8),
        "emb_h_proj.0.weight": normal(16, width),
        "emb_h_pred.1.running_mean": normal(16),
        **affine("norm_clip_emb", 12),
        "clip_emb_proj.weight": normal(width, 12),
        "queue": normal(width, 196, 4),
        "queue_ptr": torch.zeros(1, dtype=torch.int64),
    }


def vit_state(width: int = 24, depth: int = 4) -> State:
    state = embedding("backbone.patch_embed", BINS, width, 16)
    state["backbone.pos_embed"] = sincos_positions(14, 14, width, normal(1))[None]
    for i in range(depth):
        state |= attention_block(f"backbone.vit_block.{i}", width)
    return state | affine("backbone.norm_layer", width) | pretraining_heads(width)


def conv_vit_state() -> State:
    widths, inputs = (8, 12, 24), (BINS, 8, 12)
    state: State = {}
    for i, (width, num_inputs, size) in enumerate(zip(widths, inputs, (4, 2, 2), strict=True), 1):
        state |= embedding(f"backbone.patch_embed{i}", num_inputs, width, size)
    state |= affine("backbone.patch_embed4", 24, 24)
    state["backbone.pos_embed"] = sincos_positions(14, 14, 24, normal(1))[None]
    for stage, width in ((1, 8), (2, 12)):
        for i in range(2):
            name = f"backbone.conv_block{stage}.{i}"
            state |= affine(f"{name}.norm1", width) | affine(f"{name}.norm2", width)
            state |= affine(f"{name}.conv1", width, width, 1, 1)
            state |= affine(f"{name}.attn", width, 1, 5, 5)
            state |= affine(f"{name}.conv2", width, width, 1, 1)
            state |= affine(f"{name}.mlp.fc1", 4 * width, width, 1, 1)
            state |= affine(f"{name}.mlp.fc2", width, 4 * width, 1, 1)
    for i in range(2):
        state |= attention_block(f"backbone.vit_block.{i}", 24)
    state |= affine("backbone.stage1_output_decode", 24, 8, 4, 4)
    return state | affine("backbone.norm_layer", 24) | pretraining_heads(24)


def swin_state(depths: tuple[int, ...] = (1, 2, 1, 1)) -> State:
    state = affine("backbone.patch_embed.proj", 12, BINS, 4, 4)
    state |= affine("backbone.patch_embed.norm", 12)
    for i, depth in enumerate(depths):
        width = 12 * 2**i
        for j in range(depth):
            name = f"backbone.swin_block.{i}.blocks.{j}"
            state |= attention_block(name, width)
            state[f"{name}.attn.relative_position_bias_table"] = normal(169, 3 * 2**i)
            state[f"{name}.attn.relative_position_index"] = torch.zeros(49, 49, dtype=torch.int64)
        if i < 3:
            name = f"backbone.swin_block.{i}.downsample"
            state |= affine(f"{name}.norm", 4 * width)
            state[f"{name}.reduction.weight"] = normal(2 * width, 4 * width)
    return state | affine("backbone.norm_layer", 96)


STATES: dict[str, Callable[[], State]] = {
    "vit": vit_state,
    "conv_vit": conv_vit_state,
    "swin": swin_state,
}


def write(path: Path, state: State) -> Path:
    arguments = argparse.Namespace(backbone_type="vit", blr=1e-3)
    torch.save({"model": state, "epoch": 3, "args": arguments, "scaler": {"scale": 1.0}}, path)
    return path


def read(path: Path, state: State) -> tuple[Perception, ModelCard]:
    return read_official("eventpretrain", write(path, state))


def norm(state: State, name: str, values: Tensor, eps: float = 1e-6) -> Tensor:
    weight = state[f"{name}.weight"]
    return layer_norm(values, weight.shape, weight, state[f"{name}.bias"], eps)


def dense(state: State, name: str, values: Tensor) -> Tensor:
    return linear(values, state[f"{name}.weight"], state[f"{name}.bias"])


def convolve(state: State, name: str, values: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
    weight = state[f"{name}.weight"]
    padding = 0 if stride > 1 else weight.shape[-1] // 2
    return conv2d(values, weight, state[f"{name}.bias"], stride, padding, groups=groups)


def channel_norm(state: State, name: str, values: Tensor) -> Tensor:
    return norm(state, name, values.permute(0, 2, 3, 1), 1e-5).permute(0, 3, 1, 2)


def embed(state: State, name: str, values: Tensor, size: int) -> Tensor:
    return gelu(channel_norm(state, f"{name}.norm", convolve(state, f"{name}.proj", values, size)))


def attend(state: State, values: Tensor) -> Tensor:
    """All attention blocks, of 12 heads, and the last norm, from the formulas."""
    depth = sum(name.endswith("attn.qkv.weight") for name in state)
    for i in range(depth):
        name = f"backbone.vit_block.{i}"
        B, N, D = values.shape
        qkv = dense(state, f"{name}.attn.qkv", norm(state, f"{name}.norm1", values))
        q, k, v = qkv.reshape(B, N, 3, 12, D // 12).permute(2, 0, 3, 1, 4)
        weights = (q @ k.mT * (D // 12) ** -0.5).softmax(-1)
        mixed = (weights @ v).transpose(1, 2).reshape(B, N, D)
        values = values + dense(state, f"{name}.attn.proj", mixed)
        inner = gelu(dense(state, f"{name}.mlp.fc1", norm(state, f"{name}.norm2", values)))
        values = values + dense(state, f"{name}.mlp.fc2", inner)
    return norm(state, "backbone.norm_layer", values)


def test_it_is_among_the_published_encoders() -> None:
    assert "eventpretrain" in official_names()


@pytest.mark.parametrize("kind", STATES)
def test_a_checkpoint_says_which_encoder_it_is_and_how_it_was_fed(
    kind: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    module, card = read(tmp_path / "a.pth", STATES[kind]())
    assert card.encoder["kind"] == kind
    assert card.spec == VoxelGridSpec(num_bins=5, placement="closed", anchor="events")
    assert (card.input_height, card.input_width) == (224, 224)
    assert "2508.05507" in card.provenance["paper"]
    assert not module.training
    assert module.encoder.tokens(torch.randn(1, 5, 64, 64)).patches_BND.isfinite().all()


def test_the_vit_computes_what_the_published_layers_say(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = vit_state()
    module, _ = read(tmp_path / "a.pth", state)
    events = torch.randn(1, 5, 224, 224)
    patches = embed(state, "backbone.patch_embed", events, 16).flatten(2).mT
    expected = attend(state, patches + state["backbone.pos_embed"])
    with torch.no_grad():
        found = module.encoder.tokens(events).patches_BND
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_the_conv_vit_computes_what_the_published_layers_say(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = conv_vit_state()
    module, _ = read(tmp_path / "a.pth", state)
    events = torch.randn(1, 5, 224, 224)
    values = events
    for stage, size in ((1, 4), (2, 2)):
        values = embed(state, f"backbone.patch_embed{stage}", values, size)
        for i in range(2):
            name = f"backbone.conv_block{stage}.{i}"
            inner = convolve(state, f"{name}.conv1", channel_norm(state, f"{name}.norm1", values))
            inner = convolve(state, f"{name}.attn", inner, groups=inner.shape[1])
            values = values + convolve(state, f"{name}.conv2", inner)
            inner = channel_norm(state, f"{name}.norm2", values)
            inner = gelu(convolve(state, f"{name}.mlp.fc1", inner))
            values = values + convolve(state, f"{name}.mlp.fc2", inner)
    patches = embed(state, "backbone.patch_embed3", values, 2).flatten(2).mT
    tokens = dense(state, "backbone.patch_embed4", patches) + state["backbone.pos_embed"]
    with torch.no_grad():
        found = module.encoder.tokens(events).patches_BND
    torch.testing.assert_close(found, attend(state, tokens), rtol=1e-3, atol=1e-3)


def test_swin_s_queries_keys_and_values_are_the_thirds_of_what_is_published(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = swin_state()
    module, card = read(tmp_path / "a.pth", state)
    assert card.encoder["depths"] == [1, 2, 1, 1]
    ours = module.encoder.state_dict()
    published = state["backbone.swin_block.1.blocks.1.attn.qkv.weight"]
    for i, name in enumerate(("q_proj", "k_proj", "v_proj")):
        found = ours[f"stages.1.blocks.1.attention.{name}.weight"]
        assert torch.equal(found, published[24 * i : 24 * (i + 1)])


@pytest.mark.parametrize("old", ["norm_l_h", "norm_h"])
def test_older_names_of_the_last_norm_are_read(old: str, tmp_path: Path) -> None:
    state = vit_state()
    weight = state.pop("backbone.norm_layer.weight")
    state[f"backbone.{old}.weight"] = weight
    state[f"backbone.{old}.bias"] = state.pop("backbone.norm_layer.bias")
    module, _ = read(tmp_path / "a.pth", state)
    assert torch.equal(module.encoder.state_dict()["norm.weight"], weight)


def test_what_is_left_behind_is_named_with_its_reason(tmp_path: Path) -> None:
    _, card = read(tmp_path / "a.pth", conv_vit_state())
    dropped = card.provenance["dropped"]
    assert dropped["stages II and III's queue of keys, left behind"] == "queue, queue_ptr"
    assert (
        "backbone.stage1_output_decode.bias" in dropped["stage I's fusion of levels, left behind"]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("backbone.vit_block.2.attn.proj.bias"), "misses .*block.2.attn.proj.bias"),
        (lambda s: s.update(extra=torch.zeros(1)), "has extra, which nothing here uses"),
        (lambda s: s.pop("backbone.norm_layer.weight"), "no last LayerNorm"),
        (lambda s: s.pop("backbone.patch_embed.proj.weight"), "no tensor 'backbone.patch_embed"),
        (lambda s: s["backbone.pos_embed"].add_(0.1), "not the code's sine-cosine positions"),
        (
            lambda s: s.update({"backbone.vit_block.0.mlp.fc1.bias": torch.zeros(7)}),
            r"fc1.bias' gives \(7,\), the encoder's blocks.0.mlp.0.bias is \(96,\)",
        ),
    ],
)
def test_a_file_of_another_layout_is_refused_by_the_tensor_s_name(
    change: Callable[[State], object], message: str, tmp_path: Path
) -> None:
    state = vit_state()
    change(state)
    with pytest.raises(OfficialError, match=message):
        read(tmp_path / "a.pth", state)
