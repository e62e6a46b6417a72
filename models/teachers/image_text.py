"""What teachers of pictures and text share: the prompts' tokenizer and embeddings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from models.published_weights import published_tokenizer
from models.teachers.pretrained import PretrainedTeacher
from models.teachers.teacher import TeacherError


class ImageTextTeacher(PretrainedTeacher):
    """A model with a tower of pictures and one of texts, and a space that they share."""

    def __init__(self, name: str, config: Any) -> None:
        super().__init__(name, config)
        self.width = config.vision_config.hidden_size
        self.patch_stride = config.vision_config.patch_size
        try:
            self.tokenizer = published_tokenizer(name)
        except ValueError as error:
            raise TeacherError(str(error)) from None
        self.num_text_tokens: int = config.text_config.max_position_embeddings

    @property
    def logit_scale(self) -> float:
        """What cosines are multiplied by before a softmax over texts."""
        return float(self.model.logit_scale.exp())

    @abstractmethod
    def tokenized(self, prompts: Sequence[str]) -> dict[str, Tensor]:
        """Return what the tower of texts takes."""

    @torch.no_grad()
    def texts(self, prompts: Sequence[str]) -> Tensor:
        inputs = {key: ids.to(self.model.device) for key, ids in self.tokenized(prompts).items()}
        said: Tensor = self.model.get_text_features(**inputs).pooler_output
        return said
