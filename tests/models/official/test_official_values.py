from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from published_states import (
    Array,
    attend,
    clip_state,
    dinov2_shapes,
    dinov3_state,
    float64,
    gelu,
    linear,
    norm,
    patches,
    quick_gelu,
    random_state,
)

from models.official.official import read_official

WIDTH, DEPTH, HEADS = 128, 2, 2


def tokens_of(name: str, path: Path, image: torch.Tensor) -> tuple[Array, Array | None]:
    """Return the (T, D) tokens, and the embedding, that a checkpoint's encoder gives in float64."""
    module, _ = read_official(name, path)
    with torch.no_grad():
        tokens = module.encoder.double().tokens(image[None])
    embedding = None if tokens.embedding_BE is None else tokens.embedding_BE[0].numpy()
    return tokens.all[0].numpy(), embedding


def picture(height: int, width: int) -> torch.Tensor:
    shape = (3, height, width)
    return torch.randn(shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def test_gep_computes_what_dinov2_s_reference_code_does(tmp_path: Path) -> None:
    state = random_state(dinov2_shapes(WIDTH, DEPTH, grid=5))
    torch.save({"event_encoder": state, "epoch": 3}, tmp_path / "gra.pt")
    image = picture(6 * 14, 3 * 14)
    found, _ = tokens_of("gep", tmp_path / "gra.pt", image)
    w = float64(state)
    positions = stretched(w["pos_embed"][0, 1:].reshape(5, 5, WIDTH), 6, 3)
    x = patches(image.numpy(), w["patch_embed.proj.weight"]) + w["patch_embed.proj.bias"]
    x = x + positions.reshape(-1, WIDTH)
    first = w["cls_token"][0] + w["pos_embed"][0, :1]
    x = np.concatenate([first, w["register_tokens"][0], x])
    for i in range(DEPTH):
        block = f"blocks.{i}"
        qkv = linear(norm(x, w, f"{block}.norm1", 1e-6), w, f"{block}.attn.qkv")
        mixed = attend(*np.split(qkv, 3, axis=1), HEADS)
        x = x + w[f"{block}.ls1.gamma"] * linear(mixed, w, f"{block}.attn.proj")
        hidden = gelu(linear(norm(x, w, f"{block}.norm2", 1e-6), w, f"{block}.mlp.fc1"))
        x = x + w[f"{block}.ls2.gamma"] * linear(hidden, w, f"{block}.mlp.fc2")
    np.testing.assert_allclose(found, norm(x, w, "norm", 1e-6), atol=1e-5)


def stretched(grid: Array, height: int, width: int) -> Array:
    """Bilinear, by the factor (size + 0.1) / 5, as the release of GEP interpolates positions."""

    def weights(size: int) -> Array:
        source = np.clip((np.arange(size) + 0.5) * 5 / (size + 0.1) - 0.5, 0, 4)
        return np.maximum(0, 1 - np.abs(source[:, None] - np.arange(5)))

    return np.einsum("yi,xj,ijd->yxd", weights(height), weights(width), grid)


def test_scaleevent_computes_what_dinov3_s_reference_code_does(tmp_path: Path) -> None:
    state = dinov3_state(WIDTH, DEPTH)
    saved = {f"module.event_encoder.{name}": value for name, value in state.items()}
    torch.save(saved, tmp_path / "event_encoder.pth")
    image = picture(2 * 16, 3 * 16)
    found, _ = tokens_of("scaleevent", tmp_path / "event_encoder.pth", image)
    w = float64(state)
    x = patches(image.numpy(), w["patch_embed.proj.weight"]) + w["patch_embed.proj.bias"]
    x = np.concatenate([w["cls_token"][0], w["storage_tokens"][0], x])
    for i in range(DEPTH):
        block = f"blocks.{i}"
        w[f"{block}.attn.qkv.bias"] = w[f"{block}.attn.qkv.bias"] * w[f"{block}.attn.qkv.bias_mask"]
        qkv = linear(norm(x, w, f"{block}.norm1", 1e-5), w, f"{block}.attn.qkv")
        q, k, v = np.split(qkv, 3, axis=1)
        q, k = turned(q, w["rope_embed.periods"]), turned(k, w["rope_embed.periods"])
        mixed = attend(q, k, v, HEADS)
        x = x + w[f"{block}.ls1.gamma"] * linear(mixed, w, f"{block}.attn.proj")
        hidden = gelu(linear(norm(x, w, f"{block}.norm2", 1e-5), w, f"{block}.mlp.fc1"))
        x = x + w[f"{block}.ls2.gamma"] * linear(hidden, w, f"{block}.mlp.fc2")
    np.testing.assert_allclose(found, norm(x, w, "norm", 1e-5), atol=1e-5)


def turned(x_ND: Array, periods: Array) -> Array:
    """Rotate the 2 x 3 patches' heads of 64 by their row and column; the 5 first tokens stay."""
    rows, columns = np.meshgrid((np.arange(2) + 0.5) / 2, (np.arange(3) + 0.5) / 3, indexing="ij")
    coordinates = 2 * np.stack([rows, columns], axis=-1).reshape(6, 2) - 1
    angles = (2 * np.pi * coordinates[:, :, None] / periods).reshape(6, 1, 32)
    heads = x_ND[5:].reshape(6, HEADS, 2, 32)
    one, two = heads[:, :, 0], heads[:, :, 1]
    cosine, sine = np.cos(angles), np.sin(angles)
    rotated = np.stack([one * cosine - two * sine, two * cosine + one * sine], axis=2)
    return np.concatenate([x_ND[:5], rotated.reshape(6, -1)])


def test_clip_event_computes_what_openai_s_code_does(tmp_path: Path) -> None:
    state = clip_state(WIDTH, DEPTH)
    copies = ("encoder_q", "encoder_k", "foundation_model")
    others = {name: clip_state(WIDTH, DEPTH, seed=i) for i, name in enumerate(copies, 1)}
    others["encoder_k"] = state
    saved = {
        f"{copy}.{name}": value for copy, each in others.items() for name, value in each.items()
    }
    torch.save({"checkpoint": saved, "optimizer": {"state": {}}}, tmp_path / "vitb.pt")
    image = picture(48, 48)
    found, embedding = tokens_of("clip_event", tmp_path / "vitb.pt", image)
    w = {name.removeprefix("visual."): value for name, value in float64(state).items()}
    w |= {name: value for name, value in float64(state).items() if name.startswith("visual.")}
    w["positions"] = w["visual.positional_embedding"]
    x = np.concatenate([w["class_embedding"][None], patches(image.numpy(), w["conv1.weight"])])
    x = norm(x + w["positions"], w, "ln_pre", 1e-5)
    for i in range(DEPTH):
        block = f"visual.transformer.resblocks.{i}"
        in_weight, in_bias = (w[f"{block}.attn.in_proj_{kind}"] for kind in ("weight", "bias"))
        qkv = norm(x, w, f"{block}.ln_1", 1e-5) @ in_weight.T + in_bias
        mixed = attend(*np.split(qkv, 3, axis=1), HEADS)
        x = x + linear(mixed, w, f"{block}.attn.out_proj")
        hidden = quick_gelu(linear(norm(x, w, f"{block}.ln_2", 1e-5), w, f"{block}.mlp.c_fc"))
        x = x + linear(hidden, w, f"{block}.mlp.c_proj")
    expected = norm(x, w, "ln_post", 1e-5)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(embedding, expected[0] @ w["proj"], atol=1e-5)
