"""The contract of every teacher: a frozen image model as a function from pictures to tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

from torch import Tensor

from models.encoders.encoder import Tokens


class TeacherError(Exception):
    """A teacher cannot be had; the message says what is missing and the cure."""


class Teacher(ABC):
    """Always in eval mode, never with gradients, and no nn.Module: never part of a checkpoint.

    Moves to the device of what it is shown.
    """

    name: str
    width: int
    """D, of its tokens."""
    patch_stride: int
    """Pixels per patch."""
    embedding_width: int | None = None
    """E, of the space it shares with text; None where it has none."""
    fingerprint: str
    """Decided by its weights and preprocessing: the key of cached features."""

    @abstractmethod
    def tokens(self, images_B3HW: Tensor) -> Tokens:
        """Return the tokens of RGB pictures, uint8 or float in [0, 1].

        H and W must be multiples of ``patch_stride``: the grid of patches is H / patch_stride by
        W / patch_stride. The teacher's own normalisation is applied here.

        Raises:
            ValueError: the size is not such a multiple.
        """

    def texts(self, prompts: Sequence[str]) -> Tensor:
        """Return the (K, E) embeddings of texts, not normalised.

        Raises:
            TeacherError: the teacher knows no text.
        """
        raise TeacherError(
            f"teacher {self.name} knows no text: use a CLIP or SigLIP model for text prompts"
        )

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself: what never changes need not be copied with the method that uses it."""
        return self
