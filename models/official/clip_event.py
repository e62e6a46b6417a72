"""The CLIP-based event encoder (ViT-B/32 and ViT-L/14), in OpenAI's names.

Sources: Jeong et al., "Expanding Event Modality Applications through a Robust CLIP-Based Encoder",
arXiv 2412.03093, and https://github.com/EavnJeong/Event_Modality_Application, whose checkpoints
hold three CLIPs under ``checkpoint``: ``encoder_k`` is the event encoder, ``encoder_q`` and
``foundation_model`` are the frozen CLIP. Names as in https://github.com/openai/CLIP.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from events.representations import count_map
from models.card import ModelCard
from models.encoders import clip_vision
from models.official.layout import Source, read_checkpoint, third
from models.official.official import Published, build_model
from models.perception import Perception

TITLE = "Expanding Event Modality Applications through a Robust CLIP-Based Encoder"
ARXIV = "2412.03093"
NESTED = ("checkpoint", "state_dict")
PREFIXES = ("model.encoder_k.", "encoder_k.")
HEAD_WIDTH = 64
TEXT_NAMES = (
    "transformer.",
    "token_embedding.",
    "ln_final.",
    "positional_embedding",
    "text_projection",
    "logit_scale",
)
NOTES = (
    "the text tower is OpenAI's own, frozen: for zero-shot recognition use that CLIP's as teacher",
    "the authors' windows are 30,000 events from a random start; the card's are 50 ms, of which "
    "the newest 30,000 events count",
)


def read(path: Path) -> tuple[Perception, ModelCard]:
    """Read vitb.pt or vitl.pt, or another checkpoint of that code; its tensors tell the size.

    Raises:
        FileNotFoundError: there is no such file.
        OfficialError: it is another kind of file, or a tensor is missing, unknown or misshapen.
    """
    checkpoint = read_checkpoint(path, NESTED, PREFIXES)
    width, _, patch_size, _ = checkpoint.shape("visual.conv1.weight", 4)
    num_positions = checkpoint.shape("visual.positional_embedding", 2)[0]
    blocks = "visual.transformer.resblocks."
    depth = checkpoint.num_blocks(blocks)
    image_size = round((num_positions - 1) ** 0.5) * patch_size
    sizes = {(768, 32): "b32", (1024, 14): "l14"}
    published = Published(
        name=f"clip_event_{sizes.get((width, patch_size), f'{width}_{patch_size}')}",
        paper=f"{TITLE}, arXiv {ARXIV}",
        encoder=clip_vision.Config(
            width=width,
            depth=depth,
            num_attention_heads=max(width // HEAD_WIDTH, 1),
            patch_size=patch_size,
            mlp_width=checkpoint.shape(f"{blocks}0.mlp.c_fc.weight", 2)[0],
            image_size=image_size,
            embedding_width=checkpoint.shape("visual.proj", 2)[1],
        ),
        spec=count_map.published("event_clip"),
        height=image_size,
        width=image_size,
        notes=NOTES,
    )
    dropped = checkpoint.beside("of the frozen CLIP beside it")
    text = tuple(checkpoint.prefix + name for name in TEXT_NAMES)
    dropped |= {name: "of the text tower" for name in checkpoint.tensors if name.startswith(text)}
    return build_model(published, checkpoint, checkpoint.named(layout(depth), "visual."), dropped)


def layout(depth: int) -> dict[str, Source]:
    """Return where each parameter of our encoder is found among OpenAI's names of its tower."""
    embeddings = "vision_model.embeddings"
    found = {
        f"{embeddings}.class_embedding": Source("class_embedding"),
        f"{embeddings}.patch_embedding.weight": Source("conv1.weight"),
        f"{embeddings}.position_embedding.weight": Source("positional_embedding"),
        "visual_projection.weight": Source("proj", _transposed),
    }
    for kind in ("weight", "bias"):
        found[f"vision_model.pre_layrnorm.{kind}"] = Source(f"ln_pre.{kind}")
        found[f"vision_model.post_layernorm.{kind}"] = Source(f"ln_post.{kind}")
    for i in range(depth):
        ours, theirs = f"vision_model.encoder.layers.{i}", f"transformer.resblocks.{i}"
        for kind in ("weight", "bias"):
            for j, part in enumerate(("q_proj", "k_proj", "v_proj")):
                found[f"{ours}.self_attn.{part}.{kind}"] = third(j, f"{theirs}.attn.in_proj_{kind}")
            found[f"{ours}.self_attn.out_proj.{kind}"] = Source(f"{theirs}.attn.out_proj.{kind}")
            found[f"{ours}.mlp.fc1.{kind}"] = Source(f"{theirs}.mlp.c_fc.{kind}")
            found[f"{ours}.mlp.fc2.{kind}"] = Source(f"{theirs}.mlp.c_proj.{kind}")
            for j in (1, 2):
                found[f"{ours}.layer_norm{j}.{kind}"] = Source(f"{theirs}.ln_{j}.{kind}")
    return {f"model.{name}": source for name, source in found.items()}


def _transposed(tensor: Tensor) -> Tensor:
    return tensor.T
