"""DINOv2, with and without registers: a class token, registers and patches of 14 pixels.

Sources: Oquab et al., "DINOv2", arXiv 2304.07193; Darcet et al., "Vision Transformers Need
Registers", arXiv 2309.16588.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.encoders.encoder import Tokens
from models.teachers.pretrained import PretrainedTeacher, split_tokens


class Dinov2Teacher(PretrainedTeacher):
    """``facebook/dinov2-small``, ``facebook/dinov2-with-registers-base`` and their like."""

    MODEL_TYPES = ("dinov2", "dinov2_with_registers")

    def __init__(self, name: str, config: Any) -> None:
        super().__init__(name, config)
        self.width = config.hidden_size
        self.patch_stride = config.patch_size

    @staticmethod
    def model_class(config: Any) -> Any:
        from transformers import Dinov2Model, Dinov2WithRegistersModel

        return Dinov2Model if config.model_type == "dinov2" else Dinov2WithRegistersModel

    def look(self, pixels_B3HW: Tensor, grid: tuple[int, int]) -> Tokens:
        return split_tokens(self.model(pixels_B3HW).last_hidden_state, grid)

    @torch.no_grad()
    def patch_embedding(self, images_B3HW: Tensor) -> Tensor:
        """Return (B, N, D): what the first layer makes of each patch, before positions."""
        self.model.to(images_B3HW.device)
        pixels = self.preprocessing.normalized(images_B3HW)
        embedded: Tensor = self.model.embeddings.patch_embeddings(pixels)
        return embedded


teacher = Dinov2Teacher
