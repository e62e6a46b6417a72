"""SigLIP and SigLIP 2: pictures and texts in one space, taught pair by pair; no class token.

Sources: Zhai et al., "Sigmoid Loss for Language Image Pre-Training", arXiv 2303.15343; Tschannen
et al., "SigLIP 2", arXiv 2502.14786. SigLIP 2 of one resolution is a ``siglip`` to transformers,
that of any (NaFlex) a ``siglip2``, which takes patches instead of pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from models.encoders.encoder import Tokens
from models.teachers.image_text import ImageTextTeacher
from models.teachers.preprocessing import HALF
from models.teachers.pretrained import split_tokens


class SiglipTeacher(ImageTextTeacher):
    """``google/siglip2-base-patch16-224``, ``...-patch16-naflex`` and their like."""

    MODEL_TYPES = ("siglip", "siglip2")
    CHANNELS = HALF

    def __init__(self, name: str, config: Any) -> None:
        super().__init__(name, config)
        self.embedding_width = config.vision_config.hidden_size
        self.takes_patches = config.model_type == "siglip2"

    @staticmethod
    def model_class(config: Any) -> Any:
        from transformers import Siglip2Model, SiglipModel

        return SiglipModel if config.model_type == "siglip" else Siglip2Model

    @staticmethod
    def picture_size(config: Any) -> int:
        vision = config.vision_config
        if config.model_type == "siglip":
            return int(vision.image_size)
        return int(vision.num_patches**0.5) * int(vision.patch_size)

    def look(self, pixels_B3HW: Tensor, grid: tuple[int, int]) -> Tokens:
        tower = self.model.vision_model
        if not self.takes_patches:
            seen = tower(pixels_B3HW, interpolate_pos_encoding=True)
            return split_tokens(seen.last_hidden_state, grid, seen.pooler_output)
        patches_BNP = patchified(pixels_B3HW, self.patch_stride)
        num_pictures, num_patches = patches_BNP.shape[:2]
        device = pixels_B3HW.device
        seen = tower(
            patches_BNP,
            torch.ones(num_pictures, num_patches, dtype=torch.int64, device=device),
            torch.tensor([grid] * num_pictures, device=device),
        )
        return split_tokens(seen.last_hidden_state, grid, seen.pooler_output)

    def tokenized(self, prompts: Sequence[str]) -> dict[str, Tensor]:
        # Trained with texts filled up to the full length, and without a mask over what fills them.
        inputs = self.tokenizer(
            list(prompts),
            padding="max_length",
            truncation=True,
            max_length=self.num_text_tokens,
            return_tensors="pt",
        )
        return {"input_ids": inputs["input_ids"]}


def patchified(pixels_BCHW: Tensor, size: int) -> Tensor:
    """Return (B, N, size * size * C) values of the patches, row by row, colours innermost."""
    rows = pixels_BCHW.unfold(2, size, size).unfold(3, size, size)  # B, C, H/s, W/s, s, s
    return rows.permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(1, 2)


teacher = SiglipTeacher
