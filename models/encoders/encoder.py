"""The contract of every encoder: one pass over a representation serves every head and method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """An encoder's (or a teacher's) final tokens, after its last normalisation."""

    patches_BND: Tensor
    """One token for each patch, row by row; N = height * width."""
    prefix_BPD: Tensor
    """What stands before the patches: the class token, then registers; P may be 0."""
    height: int
    """Of the grid of patches."""
    width: int
    embedding_BE: Tensor | None = None
    """The whole picture in a space shared with text, not normalised, where the model has one."""

    @property
    def all(self) -> Tensor:
        """(B, P + N, D): the prefix, then the patches."""
        return torch.cat([self.prefix_BPD, self.patches_BND], dim=1)

    @property
    def map(self) -> Tensor:
        """(B, D, height, width): the patches as a feature map."""
        return self.patches_BND.transpose(1, 2).reshape(
            self.patches_BND.shape[0], -1, self.height, self.width
        )

    @property
    def pooled(self) -> Tensor:
        """(B, D): the mean of the patches."""
        return self.patches_BND.mean(1)


class Encoder(nn.Module):
    """Maps a representation to feature maps at several depths."""

    widths: tuple[int, ...]
    """Channels of each feature map, finest first."""
    strides: tuple[int, ...]
    """Input pixels per cell of each feature map: each the one before or a multiple of it."""
    one_size_reason: str | None = None
    """Why an engine of this encoder can only be of one input size; None where it can be of any."""
    activation_checkpointing: bool = False
    """Compute blocks again in the backward pass instead of keeping what is inside them; a run sets
    it on the instance, so that it is no part of a model file."""

    def forward(self, events: Tensor) -> list[Tensor]:
        """Return the feature maps of a (B, C, H, W) representation.

        Map i is (B, widths[i], H / strides[i], W / strides[i]); H and W must be multiples
        of strides[-1].
        """
        raise NotImplementedError

    def tokens(self, events: Tensor) -> Tokens:
        """Return the final tokens, as methods compare them with a teacher's.

        Unless an encoder knows better: the cells of its last map, without a prefix.
        """
        last = self(events)[-1]
        patches_BND = last.flatten(2).transpose(1, 2)
        return Tokens(patches_BND, patches_BND[:, :0], last.shape[2], last.shape[3])

    def fix_input_size(self, height: int, width: int) -> None:
        """Compute now, as constants, what the input's size alone decides: before an export.

        Afterwards the encoder runs at this size only and is not meant to be trained.
        """


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(ABC):
    """Sizes of an encoder; a choice is one file in this folder with a ``Config`` of this kind."""

    initial: str | None = None
    """Hub name or local folder of published weights that training starts from. Not part of a model
    file, which has weights of its own."""

    @abstractmethod
    def build(self, num_channels: int) -> Encoder:
        """Return an encoder for ``num_channels`` input channels, initialised as the file says."""

    def load_initial(self, encoder: Encoder) -> None:
        """Fill ``encoder``, built by this Config, with the weights that ``initial`` names.

        Raises:
            ValueError: this encoder has no published weights.
        """
        if self.initial is not None:
            raise ValueError(
                f"no published weights are known for the encoder {type(self).__module__}: "
                "leave --encoder.initial out"
            )
