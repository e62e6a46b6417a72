"""The checkpoints of EventPretrain (arXiv 2508.05507): ViT-S/B, ConvViT-S/B and Swin-T.

Tensor names and sizes are those of the released code, https://github.com/BIT-Vision/EventPretrain;
a file holds them under ``model``, of any of the three stages or of a fine-tuned classifier. Which
encoder it is, is seen by its names. Heads of attention leave no trace in a checkpoint: the code's.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from events.representations.voxel_grid import VoxelGridSpec
from models.card import ModelCard
from models.encoders import conv_vit, swin, vit
from models.encoders.encoder import EncoderConfig
from models.layers import sincos_positions
from models.official.layout import Checkpoint, OfficialError, Source, read_checkpoint, third
from models.official.official import Published, build_model
from models.perception import Perception

TITLE = (
    "Revealing Latent Information: A Physics-inspired Self-supervised Pre-training Framework for "
    "Noisy and Sparse Events"
)
ARXIV = "2508.05507"
SIZE = 224
"""Pixels per side of the input; the stored positions are this size's."""
FRAME_US = 33_333
"""Of the simulated videos, 30 a second: a window is what lies between two frames."""

HEADS = {
    "pretrain_rec_decoder.": "stage I's decoder, left behind",
    "backbone.stage": "stage I's fusion of levels, left behind",
    "emb_h_proj.": "stages II and III's projector, left behind",
    "emb_h_pred.": "stages II and III's predictor, left behind",
    "norm_clip_emb.": "stages II and III's projection of the teacher, left behind",
    "clip_emb_proj.": "stages II and III's projection of the teacher, left behind",
    "queue": "stages II and III's queue of keys, left behind",
    "classify_head.": "a fine-tuned classifier, left behind",
    "backbone.fpn.": "a dense head's pyramid, left behind",
}
LAST_NORMS = ("norm_layer", "norm_h", "norm_l_h")
"""Names of the last LayerNorm; the later two are of older files, which the code renames."""
BLOCK = {
    "norm1": "norm1",
    "qkv": "attn.qkv",
    "out": "attn.proj",
    "norm2": "norm2",
    "mlp.0": "mlp.fc1",
    "mlp.2": "mlp.fc2",
}
CONVOLUTION_BLOCK = {
    "norm1": "norm1",
    "inner": "conv1",
    "mix": "attn",
    "out": "conv2",
    "norm2": "norm2",
    "mlp.0": "mlp.fc1",
    "mlp.2": "mlp.fc2",
}
SWIN_BLOCK = {
    "layernorm_before": "norm1",
    "attention.o_proj": "attn.proj",
    "layernorm_after": "norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
Layout = dict[str, Source]


def read(path: Path) -> tuple[Perception, ModelCard]:
    """Read a checkpoint of any stage; see ``read_official``.

    Raises:
        FileNotFoundError: there is no such file.
        OfficialError: it is not such a checkpoint.
    """
    # The code stores its arguments beside the weights; the class holds values alone.
    with torch.serialization.safe_globals([argparse.Namespace]):
        checkpoint = read_checkpoint(path, nested=("model",))
    encoder, layout, num_bins = _understood(checkpoint)
    layout |= _pairs("norm", f"backbone.{_last_norm(checkpoint)}")
    _check_positions(checkpoint)
    published = Published(
        name="eventpretrain",
        paper=f"{TITLE}, arXiv {ARXIV}",
        encoder=encoder,
        # Its grids span from the first to the last event.
        spec=VoxelGridSpec(num_bins=num_bins, placement="closed", anchor="events"),
        window_us=FRAME_US,
        stride_us=FRAME_US,
        height=SIZE,
        width=SIZE,
        notes=(
            "pre-trained on one thirtieth of a second of simulated events; the authors fine-tune "
            "on fixed numbers of events, such as 3,000 of N-Cars and 200,000 of DSEC",
            "the authors bring grids to 224 x 224 by taking the nearest pixel; here an input cell "
            "is the sum of its pixels",
        ),
    )
    return build_model(published, checkpoint, layout, _dropped(checkpoint.tensors))


def _understood(checkpoint: Checkpoint) -> tuple[EncoderConfig, Layout, int]:
    """Return the encoder's sizes, where its weights are but for the last norm, and the bins."""
    if any(name.startswith("backbone.swin_block.") for name in checkpoint.tensors):
        return _swin(checkpoint)
    if any(name.startswith("backbone.conv_block1.") for name in checkpoint.tensors):
        return _conv_vit(checkpoint)
    width, num_bins, size, _ = _embedding(checkpoint, "backbone.patch_embed")
    depth = checkpoint.num_blocks("backbone.vit_block.")
    layout = _embedding_layout("embed", "backbone.patch_embed")
    layout |= _blocks("blocks", "backbone.vit_block", depth, BLOCK)
    return vit.Config(width=width, depth=depth, patch_size=size), layout, num_bins


def _conv_vit(checkpoint: Checkpoint) -> tuple[EncoderConfig, Layout, int]:
    sizes = [_embedding(checkpoint, f"backbone.patch_embed{i}") for i in (1, 2, 3)]
    stems = ("backbone.conv_block1", "backbone.conv_block2", "backbone.vit_block")
    depths = [checkpoint.num_blocks(f"{stem}.") for stem in stems]
    layout = _pairs("to_tokens", "backbone.patch_embed4")
    for i in range(3):
        layout |= _embedding_layout(f"embeds.{i}", f"backbone.patch_embed{i + 1}")
    for i in range(2):
        layout |= _blocks(f"stages.{i}", stems[i], depths[i], CONVOLUTION_BLOCK)
    layout |= _blocks("blocks", stems[2], depths[2], BLOCK)
    config = conv_vit.Config(
        widths=(sizes[0][0], sizes[1][0], sizes[2][0]), depths=(depths[0], depths[1], depths[2])
    )
    return config, layout, sizes[0][1]


def _swin(checkpoint: Checkpoint) -> tuple[EncoderConfig, Layout, int]:
    width, num_bins, _, _ = _embedding(checkpoint, "backbone.patch_embed")
    depths = [checkpoint.num_blocks(f"backbone.swin_block.{i}.blocks.") for i in range(4)]
    layout = _pairs("embed", "backbone.patch_embed.proj")
    layout |= _pairs("embed_norm", "backbone.patch_embed.norm")
    for i, depth in enumerate(depths):
        ours, theirs = f"stages.{i}", f"backbone.swin_block.{i}"
        layout |= _blocks(f"{ours}.blocks", f"{theirs}.blocks", depth, SWIN_BLOCK)
        for j in range(depth):
            attention = f"{ours}.blocks.{j}.attention"
            source = f"{theirs}.blocks.{j}.attn"
            for k, name in enumerate(("q_proj", "k_proj", "v_proj")):
                for kind in ("weight", "bias"):
                    layout[f"{attention}.{name}.{kind}"] = third(k, f"{source}.qkv.{kind}")
            table = "relative_position_bias_table"
            layout[f"{attention}.relative_position_bias.{table}"] = Source(f"{source}.{table}")
        if i < 3:
            layout |= _pairs(f"{ours}.downsample.norm", f"{theirs}.downsample.norm")
            reduction = "downsample.reduction.weight"
            layout[f"{ours}.{reduction}"] = Source(f"{theirs}.{reduction}")
    config = swin.Config(width=width, depths=(depths[0], depths[1], depths[2], depths[3]))
    return config, layout, num_bins


def _embedding(checkpoint: Checkpoint, name: str) -> tuple[int, ...]:
    """Return the width, the channels and twice the size of a patch embedding's convolution."""
    return checkpoint.shape(f"{name}.proj.weight", 4)


def _embedding_layout(ours: str, theirs: str) -> Layout:
    return _pairs(f"{ours}.project", f"{theirs}.proj") | _pairs(f"{ours}.norm", f"{theirs}.norm")


def _blocks(ours: str, theirs: str, depth: int, names: Mapping[str, str]) -> Layout:
    layout: Layout = {}
    for i in range(depth):
        for mine, published in names.items():
            layout |= _pairs(f"{ours}.{i}.{mine}", f"{theirs}.{i}.{published}")
    return layout


def _pairs(ours: str, theirs: str) -> Layout:
    return {f"{ours}.{kind}": Source(f"{theirs}.{kind}") for kind in ("weight", "bias")}


def _last_norm(checkpoint: Checkpoint) -> str:
    for name in LAST_NORMS:
        if f"backbone.{name}.weight" in checkpoint.tensors:
            return name
    raise OfficialError(f"{checkpoint.path} has no last LayerNorm: none of {', '.join(LAST_NORMS)}")


def _check_positions(checkpoint: Checkpoint) -> None:
    """Refuse positions that are not the fixed ones that our encoders compute."""
    stored = checkpoint.tensors.get("backbone.pos_embed")
    if stored is None:
        return
    side = round(stored.shape[1] ** 0.5)
    expected = sincos_positions(side, side, stored.shape[2], stored)
    if stored.shape[1:] != expected.shape or not torch.allclose(stored[0], expected, atol=1e-4):
        raise OfficialError(
            f"{checkpoint.path}: backbone.pos_embed is not the code's sine-cosine positions"
        )


def _dropped(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Return why each tensor that no encoder uses is left out."""
    dropped = {"backbone.pos_embed": "fixed positions, computed for any size of input"}
    used = next((name for name in LAST_NORMS if f"backbone.{name}.weight" in tensors), None)
    for name in tensors:
        for prefix, reason in HEADS.items():
            if name.startswith(prefix):
                dropped[name] = reason
        if name.endswith(".relative_position_index"):
            dropped[name] = "indices of relative positions, computed"
        part = name.removeprefix("backbone.").rpartition(".")[0]
        if part in LAST_NORMS and part != used:
            dropped[name] = f"an older last LayerNorm beside {used}"
    return dropped
