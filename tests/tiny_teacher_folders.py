"""Tiny random models in transformers' format, as a hub's folders are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPConfig,
    CLIPModel,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    DINOv3ConvNextConfig,
    DINOv3ConvNextModel,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    PreTrainedTokenizerFast,
    Siglip2Config,
    Siglip2Model,
    SiglipConfig,
    SiglipModel,
)

WIDTH = 16
VIT: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "patch_size": 8,
}
TEXT: dict[str, Any] = {
    "hidden_size": 12,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": 8,
    "max_position_embeddings": 8,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}
WORDS = ("<s>", "</s>", "<pad>", "<unk>", "a", "photo", "cat", "dog")


def tiny_model(kind: str, seed: int = 0) -> Any:
    """Return a random model of a ``model_type``."""
    torch.manual_seed(seed)
    vit = VIT | {"image_size": 32}
    if kind == "dinov2":
        return Dinov2Model(Dinov2Config(**vit))
    if kind == "dinov2_with_registers":
        return Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**vit, num_register_tokens=3))
    if kind == "dinov3_vit":
        return DINOv3ViTModel(DINOv3ViTConfig(**vit, num_register_tokens=2))
    if kind == "dinov3_convnext":
        sizes = {"hidden_sizes": [4, 8, 12, WIDTH], "depths": [1, 1, 1, 1], "image_size": 64}
        return DINOv3ConvNextModel(DINOv3ConvNextConfig(**sizes))
    if kind == "clip":
        return CLIPModel(CLIPConfig(vision_config=vit, text_config=TEXT, projection_dim=10))
    if kind == "siglip":
        text = TEXT | {"projection_size": WIDTH}
        return SiglipModel(SiglipConfig(vision_config=vit, text_config=text))
    if kind == "siglip2":
        text = TEXT | {"projection_size": WIDTH}
        return Siglip2Model(
            Siglip2Config(vision_config=VIT | {"num_patches": 16}, text_config=text)
        )
    assert kind == "depth_anything"
    stages = {"out_indices": [1, 2], "reshape_hidden_states": False}
    return DepthAnythingForDepthEstimation(
        DepthAnythingConfig(
            backbone_config=Dinov2Config(**vit, **stages),
            patch_size=8,
            neck_hidden_sizes=[8, 8],
            reassemble_factors=[2, 1],
            reassemble_hidden_size=WIDTH,
            fusion_hidden_size=8,
            head_hidden_size=4,
        )
    )


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of eight words."""
    words = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )


def write_folder(folder: Path, kind: str, seed: int = 0, **preprocessing: object) -> Path:
    """Write a tiny model, its tokenizer where it has texts, and its preprocessing if given."""
    tiny_model(kind, seed).save_pretrained(folder)
    if kind in ("clip", "siglip", "siglip2"):
        tiny_tokenizer().save_pretrained(folder)
    if preprocessing:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing))
    return folder
