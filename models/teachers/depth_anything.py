"""Depth Anything: the tokens that its depth is made of, and the depth itself.

Source: Yang et al., "Depth Anything V2", arXiv 2406.09414.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from models.encoders.encoder import Tokens
from models.teachers.pretrained import PretrainedTeacher, split_tokens


class DepthAnythingTeacher(PretrainedTeacher):
    """``depth-anything/Depth-Anything-V2-Small-hf`` and its like."""

    MODEL_TYPES = ("depth_anything",)

    def __init__(self, name: str, config: Any) -> None:
        super().__init__(name, config)
        self.width = config.backbone_config.hidden_size
        self.patch_stride = config.patch_size

    @staticmethod
    def model_class(config: Any) -> Any:
        from transformers import DepthAnythingForDepthEstimation

        return DepthAnythingForDepthEstimation

    @staticmethod
    def picture_size(config: Any) -> int:
        return int(config.backbone_config.image_size)

    def look(self, pixels_B3HW: Tensor, grid: tuple[int, int]) -> Tokens:
        return split_tokens(self.model.backbone(pixels_B3HW).feature_maps[-1], grid)

    @torch.no_grad()
    def depth(self, images_B3HW: Tensor) -> Tensor:
        """Return (B, H, W) inverse depth of unknown scale and offset; larger is nearer.

        Args:
            images_B3HW: RGB, uint8 or float in [0, 1]; sides multiples of ``patch_stride``.
        """
        self.model.to(images_B3HW.device)
        said = self.model(self.preprocessing.normalized(images_B3HW)).predicted_depth
        return interpolate(said[:, None], images_B3HW.shape[2:], mode="bilinear")[:, 0]


teacher = DepthAnythingTeacher
