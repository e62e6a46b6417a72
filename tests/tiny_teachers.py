"""Teachers with random weights, saved in transformers' format and opened as public ones are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPConfig,
    CLIPModel,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    PreTrainedTokenizerFast,
)

from models.teachers.open import open_teacher
from models.teachers.preprocessing import CLIP, IMAGENET, Preprocessing
from models.teachers.save import save_teacher
from models.teachers.teacher import Teacher

SIZE = 32


def dinov3_teacher(folder: Path, *, width: int = 16, patch_size: int = 8) -> Teacher:
    """An image teacher of two blocks."""
    torch.manual_seed(5)
    config = DINOv3ViTConfig(
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * width,
        patch_size=patch_size,
        image_size=SIZE,
        num_register_tokens=2,
        initializer_range=0.3,
    )
    save_teacher(folder, DINOv3ViTModel(config), Preprocessing(*IMAGENET, size=SIZE), {})
    return open_teacher(str(folder))


def clip_teacher(folder: Path, words: Sequence[str], *, embedding_width: int = 12) -> Teacher:
    """An image-text teacher of two blocks a tower, which knows some words."""
    torch.manual_seed(5)
    tower = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    tokenizer = _tokenizer(words)
    config = CLIPConfig(
        vision_config={**tower, "image_size": SIZE, "patch_size": 8},
        text_config={
            **tower,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 16,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        projection_dim=embedding_width,
    )
    model = CLIPModel(config)
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim > 1:
                value.mul_(8)  # far enough apart to tell
        for projection in (model.visual_projection, model.text_projection):
            projection.weight.mul_(0.1)
    save_teacher(folder, model, Preprocessing(*CLIP, size=SIZE), {}, tokenizer)
    return open_teacher(str(folder))


def _tokenizer(words: Sequence[str]) -> PreTrainedTokenizerFast:
    special = ["<unk>", "<start>", "<end>"]
    vocabulary = {word: i for i, word in enumerate([*special, *dict.fromkeys(words)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<start>",
        eos_token="<end>",
        pad_token="<end>",
    )
