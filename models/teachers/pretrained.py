"""What the teachers on transformers' model classes share: loading, preprocessing, patches."""

from __future__ import annotations

import functools
import hashlib
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from models.encoders.encoder import Tokens
from models.published_weights import published_model
from models.teachers.preprocessing import IMAGENET, Preprocessing, read_preprocessing
from models.teachers.teacher import Teacher, TeacherError

PREPROCESSOR_FILE = "preprocessor_config.json"


class PretrainedTeacher(Teacher):
    """A frozen model of transformers', from the hub or a local folder in its format."""

    MODEL_TYPES: ClassVar[tuple[str, ...]]
    """The ``model_type`` of the config files that a class is for."""
    CHANNELS: ClassVar = IMAGENET
    """Means and spreads where the model brings none."""

    def __init__(self, name: str, config: Any) -> None:
        """Load the model.

        Args:
            name: Hub name or local folder.
            config: Its config, as transformers makes it.

        Raises:
            TeacherError: the weights cannot be had, or are of another model.
        """
        self.name = name
        try:
            self.model = published_model(name, self.model_class(config), config)
            default = Preprocessing(*self.CHANNELS, size=self.picture_size(config))
            self.preprocessing = read_preprocessing(_preprocessor_path(name), default)
        except ValueError as error:
            raise TeacherError(str(error)) from None
        self.model.eval().requires_grad_(False)

    @staticmethod
    @abstractmethod
    def model_class(config: Any) -> Any:
        """Return the class of transformers' that a config is for."""

    @abstractmethod
    def look(self, pixels_B3HW: Tensor, grid: tuple[int, int]) -> Tokens:
        """Return the tokens of normalised pictures that make ``grid`` rows and columns."""

    @staticmethod
    def picture_size(config: Any) -> int:
        """Return the side of the pictures that a model was trained with."""
        size: int | tuple[int, int] = getattr(config, "vision_config", config).image_size
        return size if isinstance(size, int) else size[0]

    @functools.cached_property
    def fingerprint(self) -> str:  # type: ignore[override]
        """Of the weights and the preprocessing, wherever they came from."""
        digest = hashlib.sha256(repr(self.preprocessing).encode())
        for name, value in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()[:16]

    def forget(self) -> None:
        """Give the model random weights, to show what the learnt ones are worth."""
        torch.manual_seed(0)
        self.model = type(self.model)(self.model.config).eval().requires_grad_(False)
        self.__dict__.pop("fingerprint", None)

    @torch.no_grad()
    def tokens(self, images_B3HW: Tensor) -> Tokens:
        height, width = images_B3HW.shape[2:]
        stride = self.patch_stride
        if height % stride or width % stride:
            raise ValueError(
                f"teacher {self.name} has patches of {stride}: height and width must be multiples, "
                f"got {width}x{height}"
            )
        self.model.to(images_B3HW.device)
        pixels = self.preprocessing.normalized(images_B3HW)
        return self.look(pixels, (height // stride, width // stride))


def split_tokens(
    tokens_BTD: Tensor, grid: tuple[int, int], embedding_BE: Tensor | None = None
) -> Tokens:
    """Return tokens whose last ones are the patches; what stands before them is the prefix."""
    num_prefix = tokens_BTD.shape[1] - grid[0] * grid[1]
    return Tokens(tokens_BTD[:, num_prefix:], tokens_BTD[:, :num_prefix], *grid, embedding_BE)


def _preprocessor_path(name: str) -> Path | None:
    local = Path(name) / PREPROCESSOR_FILE
    if Path(name).is_dir():
        return local if local.is_file() else None
    from transformers.utils.hub import cached_file

    try:
        found = cached_file(name, PREPROCESSOR_FILE)
    except OSError:  # the repository has none
        return None
    return None if found is None else Path(found)
