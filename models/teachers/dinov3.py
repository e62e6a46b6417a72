"""DINOv3: vision transformers with rotary positions, and ConvNeXts, whose cells are the patches.

Source: Siméoni et al., "DINOv3", arXiv 2508.10104.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from models.encoders.encoder import Tokens
from models.teachers.pretrained import PretrainedTeacher, split_tokens

CONVNEXT_STRIDE = 32


class Dinov3Teacher(PretrainedTeacher):
    """``facebook/dinov3-vits16-pretrain-lvd1689m``, ``...-convnext-tiny-...`` and their like."""

    MODEL_TYPES = ("dinov3_vit", "dinov3_convnext")

    def __init__(self, name: str, config: Any) -> None:
        super().__init__(name, config)
        is_vit = config.model_type == "dinov3_vit"
        self.width = config.hidden_size if is_vit else config.hidden_sizes[-1]
        self.patch_stride = config.patch_size if is_vit else CONVNEXT_STRIDE

    @staticmethod
    def model_class(config: Any) -> Any:
        from transformers import DINOv3ConvNextModel, DINOv3ViTModel

        return DINOv3ViTModel if config.model_type == "dinov3_vit" else DINOv3ConvNextModel

    def look(self, pixels_B3HW: Tensor, grid: tuple[int, int]) -> Tokens:
        return split_tokens(self.model(pixels_B3HW).last_hidden_state, grid)


teacher = Dinov3Teacher
