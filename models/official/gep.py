"""GEP's event encoders (S and B): DINOv2 with registers, in the names of its reference code.

Sources: "Generative Event Pretraining with Foundation Model Alignment", arXiv 2603.23032, and
https://github.com/uzh-rpg/generative_event_pretraining, whose alignment stage saves the encoder
under ``event_encoder``; names as in https://github.com/facebookresearch/dinov2.

The authors train on 224 x 224 crops of red and blue images with each data set's own percentile,
mean and deviation. The card has N-ImageNet's, which was seven tenths of the batches or all of them.
"""

from __future__ import annotations

from pathlib import Path

from events.representations import red_blue
from models.card import ModelCard
from models.encoders import dinov2
from models.official.layout import Source, read_checkpoint, third
from models.official.official import Published, build_model
from models.perception import Perception

TITLE = "Generative Event Pretraining with Foundation Model Alignment"
ARXIV = "2603.23032"
NESTED = ("event_encoder", "model", "state_dict")
PREFIXES = ("event_encoder.",)
"""Before the encoder's names where all of the alignment's network was saved."""
HEAD_WIDTH = 64
SIZES = {384: "s", 768: "b", 1024: "l"}
SPECS = {name: red_blue.published(name) for name in red_blue.STATISTICS}
NOTES = (
    f"the input's mean and deviation are N-ImageNet's unless --data-set says: {', '.join(SPECS)}",
    "positions are interpolated bilinearly, as in the release, not as DINOv2 does",
    "the authors' windows are whole recordings (N-ImageNet, about 50 ms) or the time from one "
    "picture to the next (DSEC, 50 ms)",
)


def read(path: Path) -> tuple[Perception, ModelCard]:
    """Read a checkpoint of the alignment stage; its tensors tell the size.

    Raises:
        FileNotFoundError: there is no such file.
        OfficialError: it is another kind of file, or a tensor is missing, unknown or misshapen.
    """
    checkpoint = read_checkpoint(path, NESTED, PREFIXES)
    width, _, patch_size, _ = checkpoint.shape("patch_embed.proj.weight", 4)
    num_positions = checkpoint.shape("pos_embed", 3)[1]
    depth = checkpoint.num_blocks("blocks.")
    published = Published(
        name=f"gep_{SIZES.get(width, width)}",
        paper=f"{TITLE}, arXiv {ARXIV}",
        encoder=dinov2.Config(
            width=width,
            depth=depth,
            num_attention_heads=max(width // HEAD_WIDTH, 1),
            patch_size=patch_size,
            num_registers=checkpoint.shape("register_tokens", 3)[1],
            image_size=round((num_positions - 1) ** 0.5) * patch_size,
            position_mode="bilinear",
        ),
        spec=SPECS["n_imagenet"],
        height=16 * patch_size,
        width=16 * patch_size,
        notes=NOTES,
    )
    dropped = checkpoint.beside("not the encoder's")
    mask = f"{checkpoint.prefix}mask_token"
    dropped[mask] = "stands for hidden patches in DINOv2's own pretraining"
    return build_model(published, checkpoint, checkpoint.named(layout(depth)), dropped)


def layout(depth: int) -> dict[str, Source]:
    """Return where each parameter of our encoder is found among DINOv2's reference names."""
    found = {
        "embeddings.cls_token": Source("cls_token"),
        "embeddings.register_tokens": Source("register_tokens"),
        "embeddings.position_embeddings": Source("pos_embed"),
    }
    for kind in ("weight", "bias"):
        found[f"embeddings.patch_embeddings.projection.{kind}"] = Source(f"patch_embed.proj.{kind}")
        found[f"layernorm.{kind}"] = Source(f"norm.{kind}")
    for i in range(depth):
        ours, theirs = f"encoder.layer.{i}", f"blocks.{i}"
        for kind in ("weight", "bias"):
            for j, part in enumerate(("q_proj", "k_proj", "v_proj")):
                found[f"{ours}.attention.{part}.{kind}"] = third(j, f"{theirs}.attn.qkv.{kind}")
            found[f"{ours}.attention.o_proj.{kind}"] = Source(f"{theirs}.attn.proj.{kind}")
            for part in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                found[f"{ours}.{part}.{kind}"] = Source(f"{theirs}.{part}.{kind}")
        for j in (1, 2):
            found[f"{ours}.layer_scale{j}.lambda1"] = Source(f"{theirs}.ls{j}.gamma")
    return {f"model.{name}": source for name, source in found.items()}
