"""What the encoders on transformers' model classes share: maps, tokens, positions, patches.

A vision transformer has one stride; its maps are the patches after several blocks, each through the
last LayerNorm, as Oquab et al., "DINOv2", arXiv 2304.07193, take intermediate layers.
"""

# B batch, D width of a token, C channels, N patches, T tokens (prefix and patches), P patch size

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from models.encoders.encoder import Encoder, EncoderConfig, Tokens
from models.layers import run_block
from models.published_weights import published_settings, published_weights

NUM_MAPS = 4
PatchRule = Literal["copy", "mean", "inflate"]
FIXED_SETTINGS = ("layer_norm_eps", "hidden_act", "qkv_bias", "key_bias", "mlp_bias")
"""Transformers' settings that no Config has a field for: a published model must have ours."""


@dataclass(frozen=True, kw_only=True)
class TransformerConfig(EncoderConfig):
    """Sizes that all of these encoders have."""

    SIZES: ClassVar[dict[str, str]] = {}
    """Which of transformers' settings each of our fields is; what ``initial`` must agree in."""
    MODEL_TYPES: ClassVar[tuple[str, ...]] = ()
    """Of the folders and hub names that ``initial`` may name."""

    width: int
    depth: int
    """Blocks."""
    num_attention_heads: int
    patch_size: int
    map_blocks: tuple[int, ...] | None = None
    """Blocks, counted from 0, whose patches are the maps; None is the last of each quarter:
    2, 5, 8 and 11 of 12."""
    patch_rule: PatchRule = "inflate"
    """How a published RGB patch embedding meets other channels: see ``adapted_patches``."""

    def __post_init__(self) -> None:
        if self.width % self.num_attention_heads:
            raise ValueError(
                f"width {self.width} must be a multiple of {self.num_attention_heads} heads"
            )
        if self.depth < 1 or self.patch_size < 1:
            raise ValueError(
                f"depth and patch_size must be at least 1, got {self.depth} and {self.patch_size}"
            )
        blocks = self.blocks_of_maps
        if list(blocks) != sorted(set(blocks)) or not 0 <= blocks[0] <= blocks[-1] < self.depth:
            raise ValueError(
                f"map_blocks must rise within 0 to {self.depth - 1}, got {self.map_blocks}"
            )

    @property
    def blocks_of_maps(self) -> tuple[int, ...]:
        """The blocks whose patches are the maps, in order."""
        if self.map_blocks is not None:
            return self.map_blocks
        quarters = {max(i * self.depth // NUM_MAPS, 1) - 1 for i in range(1, NUM_MAPS + 1)}
        return tuple(sorted(quarters))

    @classmethod
    def matching(cls, initial: str) -> Self:
        """Return the Config of a published model's sizes, which starts from its weights.

        Args:
            initial: Hub name or local folder.

        Raises:
            ValueError: there is no such model, or it is of another kind.
        """
        return cls(initial=initial, **cls._sizes_of(initial))

    @classmethod
    def _sizes_of(cls, initial: str) -> dict[str, Any]:
        settings = published_settings(initial, cls.MODEL_TYPES)
        # A setting that a type lacks is 0 there: the first DINOv2 knows no registers.
        return {ours: settings.get(theirs, 0) for ours, theirs in cls.SIZES.items()}

    def load_initial(self, encoder: Encoder) -> None:
        """Fill ``encoder`` with the weights that ``initial`` names, its patches by the rule.

        Raises:
            ValueError: they cannot be had, or are of another kind or other sizes.
        """
        if self.initial is None:
            return
        assert isinstance(encoder, TransformerEncoder)
        for name, size in self._sizes_of(self.initial).items():
            if size != getattr(self, name):
                raise ValueError(
                    f"{self.initial} has {name} {size}, the encoder {getattr(self, name)}: "
                    f"set --encoder.{name.replace('_', '-')} {size}"
                )
        settings = published_settings(self.initial, self.MODEL_TYPES)
        ours = encoder.model.config.to_dict()  # type: ignore[union-attr, operator]
        for name in FIXED_SETTINGS:
            if settings.get(name) != ours.get(name):
                raise ValueError(
                    f"{self.initial} has {name} {settings.get(name)}, this encoder knows only "
                    f"{ours.get(name)}"
                )
        encoder.load_published(published_weights(self.initial, type(encoder.model)))


class TransformerEncoder(Encoder):
    """Patches of one stride through transformers' blocks."""

    UNUSED: ClassVar[tuple[str, ...]] = ()
    """Published parameters that no encoder needs."""

    def __init__(self, config: TransformerConfig, model: nn.Module, num_prefix: int) -> None:
        super().__init__()
        self.config = config
        self.model = model
        self.num_prefix = num_prefix
        num_maps = len(config.blocks_of_maps)
        self.widths = (config.width,) * num_maps
        self.strides = (config.patch_size,) * num_maps
        self.fixed_size: tuple[int, int] | None = None

    @property
    @abstractmethod
    def patches(self) -> nn.Conv2d:
        """The patch embedding."""

    @property
    @abstractmethod
    def blocks(self) -> nn.ModuleList:
        """The transformer's blocks."""

    @property
    @abstractmethod
    def last_norm(self) -> nn.Module:
        """The last LayerNorm."""

    @abstractmethod
    def positions(self, events: Tensor) -> tuple[Tensor, ...]:
        """Return what is decided by the input's size: an embedding to add, or a rotation."""

    @abstractmethod
    def start(
        self, patches_BND: Tensor, positions: tuple[Tensor, ...]
    ) -> tuple[Tensor, dict[str, Any]]:
        """Return the (B, T, D) tokens that enter the first block, and what every block takes."""

    def forward(self, events: Tensor) -> list[Tensor]:
        height, width = self._grid(events)
        chosen = self._outputs(events, self.config.blocks_of_maps)
        return [
            self.last_norm(tokens_BTD)[:, self.num_prefix :]
            .transpose(1, 2)
            .unflatten(2, (height, width))
            for tokens_BTD in chosen
        ]

    def tokens(self, events: Tensor) -> Tokens:
        height, width = self._grid(events)
        (last,) = self._outputs(events, (self.config.depth - 1,))
        tokens_BTD = self.last_norm(last)
        prefix_BPD = tokens_BTD[:, : self.num_prefix]
        patches_BND = tokens_BTD[:, self.num_prefix :]
        return Tokens(patches_BND, prefix_BPD, height, width, self.embedding(prefix_BPD))

    def embedding(self, prefix_BPD: Tensor) -> Tensor | None:
        """Return the (B, E) embedding in a space shared with text, if the model has one."""
        return None

    def fix_input_size(self, height: int, width: int) -> None:
        dtype, device = self.patches.weight.dtype, self.patches.weight.device
        example = torch.zeros(1, self.patches.in_channels, height, width, dtype=dtype).to(device)
        with torch.no_grad():
            for i, tensor in enumerate(self.positions(example)):
                self.register_buffer(f"fixed_{i}", tensor.clone(), persistent=False)
        self.fixed_size = (height, width)

    def load_published(self, weights: dict[str, Tensor]) -> None:
        """Load transformers' own weights, the patch embedding by the Config's rule."""
        name = next(
            name for name, value in self.model.named_parameters() if value is self.patches.weight
        )
        rule = self.config.patch_rule
        weights = {key: value for key, value in weights.items() if key not in self.UNUSED}
        weights[name] = adapted_patches(weights[name], self.patches.in_channels, rule)
        self.model.load_state_dict(weights)

    def _outputs(self, events: Tensor, wanted: Sequence[int]) -> list[Tensor]:
        """Return the (B, T, D) tokens after the wanted blocks, not normalised."""
        patches_BND = self.patches(events).flatten(2).transpose(1, 2)
        tokens_BTD, options = self.start(patches_BND, self._positions(events))
        recompute = self.activation_checkpointing
        chosen = []
        for i, block in enumerate(islice(self.blocks, wanted[-1] + 1)):
            tokens_BTD = run_block(partial(block, **options), tokens_BTD, recompute=recompute)
            if i in wanted:
                chosen.append(tokens_BTD)
        return chosen

    def _positions(self, events: Tensor) -> tuple[Tensor, ...]:
        if self.fixed_size is None:
            return self.positions(events)
        if tuple(events.shape[2:]) != self.fixed_size:
            raise ValueError(
                f"this encoder was fixed to inputs of {self.fixed_size[1]}x{self.fixed_size[0]}, "
                f"got {events.shape[3]}x{events.shape[2]}"
            )
        fixed = [buffer for name, buffer in self.named_buffers() if name.startswith("fixed_")]
        return tuple(fixed)

    def _grid(self, events: Tensor) -> tuple[int, int]:
        """Return rows and columns of patches."""
        height, width = events.shape[2:]
        size = self.config.patch_size
        if height % size or width % size:
            raise ValueError(
                f"the input's size must be a multiple of the patch, {size}, got {width}x{height}"
            )
        return height // size, width // size


def adapted_patches(weight_DCPP: Tensor, num_channels: int, rule: PatchRule) -> Tensor:
    """Return the (D, num_channels, P, P) patch embedding made of a published one for RGB.

    ``copy``: channel c takes the filter of colour c modulo 3, as it is: best where channels are
    colours. ``inflate``: the same, times 3 / num_channels, so that a picture in all channels gives
    what it gave (Carreira and Zisserman, "Quo Vadis", CVPR 2017, inflate in time so).
    ``mean``: every channel takes the mean over the colours times 3 / num_channels, so that a grey
    picture in all channels gives what it gave, and no channel is another colour.
    For three channels ``copy`` and ``inflate`` are the published filters.
    """
    colours = weight_DCPP.shape[1]
    if rule == "mean":
        mean = weight_DCPP.mean(1, keepdim=True) * (colours / num_channels)
        return mean.expand(-1, num_channels, -1, -1).contiguous()
    copied = weight_DCPP[:, torch.arange(num_channels) % colours]
    if rule == "copy":
        return copied
    if rule == "inflate":
        return copied * (colours / num_channels)
    raise ValueError(f"patch_rule must be copy, mean or inflate, got {rule!r}")
