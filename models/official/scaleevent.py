"""ScaleEvent's event encoders (S, B and L): DINOv3, in the names of its reference code.

Sources: "Scaling Dense Event-Stream Pretraining from Visual Foundation Models", arXiv 2603.03969,
and https://github.com/zhiwen-xdu/ScaleEvent, which saves the event branch of a data-parallel
module, its names behind ``module.event_encoder.``; names as in
https://github.com/facebookresearch/dinov3.
"""

from __future__ import annotations

from pathlib import Path

import torch

from events.representations import voxel_image
from models.card import ModelCard
from models.encoders import dinov3
from models.official.layout import Checkpoint, OfficialError, Source, read_checkpoint, third
from models.official.official import Published, build_model
from models.perception import Perception

TITLE = "Scaling Dense Event-Stream Pretraining from Visual Foundation Models"
ARXIV = "2603.03969"
NESTED = ("model", "net", "state_dict")
PREFIXES = ("event_encoder.",)
HEAD_WIDTH = 64
ROPE_THETA = 100.0
MAX_PERIOD_ERROR = 0.01
"""Relative; half precision keeps less than this."""
SIZES = {384: "s", 768: "b", 1024: "l"}
NOTES = (
    "the authors' renderer of voxel images and its motion-adaptive windows are not public: "
    "encoding and window are ours",
    "the release trains at 1280x960, twice the data's 640x480; any multiple of 16 runs",
)


def read(path: Path) -> tuple[Perception, ModelCard]:
    """Read a checkpoint of the event encoder; its tensors tell the size.

    Raises:
        FileNotFoundError: there is no such file.
        OfficialError: it is another kind of file, or a tensor is missing, unknown or misshapen.
    """
    checkpoint = read_checkpoint(path, NESTED, PREFIXES)
    width, _, patch_size, _ = checkpoint.shape("patch_embed.proj.weight", 4)
    depth = checkpoint.num_blocks("blocks.")
    published = Published(
        name=f"scaleevent_{SIZES.get(width, width)}",
        paper=f"{TITLE}, arXiv {ARXIV}",
        encoder=dinov3.Config(
            width=width,
            depth=depth,
            num_attention_heads=max(width // HEAD_WIDTH, 1),
            patch_size=patch_size,
            mlp_width=checkpoint.shape("blocks.0.mlp.fc1.weight", 2)[0],
            num_registers=checkpoint.shape("storage_tokens", 3)[1],
            rope_theta=ROPE_THETA,
        ),
        spec=voxel_image.published("scale_event"),
        height=30 * patch_size,
        width=40 * patch_size,
        notes=NOTES,
    )
    dropped = checkpoint.beside("not the encoder's") | _constants(checkpoint, depth, width)
    return build_model(published, checkpoint, checkpoint.named(layout(depth)), dropped)


def layout(depth: int) -> dict[str, Source]:
    """Return where each parameter of our encoder is found among DINOv3's reference names.

    Queries and values take their part of a block's bias; keys have none: see ``_constants``.
    """
    found = {
        "embeddings.cls_token": Source("cls_token"),
        "embeddings.register_tokens": Source("storage_tokens"),
    }
    for kind in ("weight", "bias"):
        found[f"embeddings.patch_embeddings.{kind}"] = Source(f"patch_embed.proj.{kind}")
        found[f"norm.{kind}"] = Source(f"norm.{kind}")
    for i in range(depth):
        ours, theirs = f"model.layer.{i}", f"blocks.{i}"
        for j, part in enumerate(("q_proj", "k_proj", "v_proj")):
            found[f"{ours}.attention.{part}.weight"] = third(j, f"{theirs}.attn.qkv.weight")
            if part != "k_proj":
                found[f"{ours}.attention.{part}.bias"] = third(j, f"{theirs}.attn.qkv.bias")
        for kind in ("weight", "bias"):
            found[f"{ours}.attention.o_proj.{kind}"] = Source(f"{theirs}.attn.proj.{kind}")
            found[f"{ours}.mlp.up_proj.{kind}"] = Source(f"{theirs}.mlp.fc1.{kind}")
            found[f"{ours}.mlp.down_proj.{kind}"] = Source(f"{theirs}.mlp.fc2.{kind}")
            for part in ("norm1", "norm2"):
                found[f"{ours}.{part}.{kind}"] = Source(f"{theirs}.{part}.{kind}")
        for j in (1, 2):
            found[f"{ours}.layer_scale{j}.lambda1"] = Source(f"{theirs}.ls{j}.gamma")
    return {f"model.{name}": source for name, source in found.items()}


def _constants(checkpoint: Checkpoint, depth: int, width: int) -> dict[str, str]:
    """Return why tensors that are no weights are dropped, once they are what they must be.

    The reference multiplies the bias of queries, keys and values by a mask that is 0 for keys.

    Raises:
        OfficialError: a mask or the wavelengths of the positions differ.
    """
    path, tensors, prefix = checkpoint.path, checkpoint.tensors, checkpoint.prefix
    dropped = {f"{prefix}mask_token": "stands for hidden patches in DINOv3's own pretraining"}
    expected = torch.cat([torch.ones(width), torch.zeros(width), torch.ones(width)])
    for i in range(depth):
        checkpoint.shape(f"blocks.{i}.attn.qkv.bias_mask", 1)
        name = f"{prefix}blocks.{i}.attn.qkv.bias_mask"
        if not torch.equal(tensors[name].float(), expected):
            raise OfficialError(
                f"{path}: {name!r} must be 1 for queries and values and 0 for keys: it is the mask "
                "of another DINOv3"
            )
        dropped[name] = "says that keys have no bias, as the encoder's have none"
    (num_periods,) = checkpoint.shape("rope_embed.periods", 1)
    name = f"{prefix}rope_embed.periods"
    periods = ROPE_THETA ** (torch.arange(num_periods) / num_periods)
    if not torch.allclose(tensors[name].float(), periods, rtol=MAX_PERIOD_ERROR, atol=0):
        raise OfficialError(f"{path}: {name!r} are not the wavelengths of base {ROPE_THETA:g}")
    dropped[name] = f"wavelengths of the positions, which follow from their base {ROPE_THETA:g}"
    return dropped
