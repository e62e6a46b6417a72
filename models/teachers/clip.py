"""CLIP: pictures and texts in one space.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
arXiv 2103.00020.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from models.encoders.encoder import Tokens
from models.teachers.image_text import ImageTextTeacher
from models.teachers.preprocessing import CLIP
from models.teachers.pretrained import split_tokens


class ClipTeacher(ImageTextTeacher):
    """``openai/clip-vit-base-patch32`` and its like.

    Its tokens are those of the last block through the last LayerNorm, which CLIP itself applies to
    the class token alone.
    """

    MODEL_TYPES = ("clip",)
    CHANNELS = CLIP

    def __init__(self, name: str, config: Any) -> None:
        super().__init__(name, config)
        self.embedding_width = config.projection_dim

    @staticmethod
    def model_class(config: Any) -> Any:
        from transformers import CLIPModel

        return CLIPModel

    def look(self, pixels_B3HW: Tensor, grid: tuple[int, int]) -> Tokens:
        tower = self.model.vision_model
        seen = tower(pixels_B3HW, interpolate_pos_encoding=True)
        embedding_BE = self.model.visual_projection(seen.pooler_output)
        return split_tokens(tower.post_layernorm(seen.last_hidden_state), grid, embedding_BE)

    def tokenized(self, prompts: Sequence[str]) -> dict[str, Tensor]:
        inputs = self.tokenizer(
            list(prompts),
            padding=True,
            truncation=True,
            max_length=self.num_text_tokens,
            return_tensors="pt",
        )
        return {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"]}


teacher = ClipTeacher
