"""Windows of a long stream of tokens, as the causal stage of GEP (arXiv 2603.23032) is fed.

``cached``: all scenes are turned into tokens once, one sequence after another makes a flat stream,
and a sample is any stretch of it. ``online``: a sample is a scene's frames, whose tokens the method
makes at each step; nothing repeats, and each step pays for the encoders.
"""

# B batch, F windows of a sequence, N tokens of a frame, M tokens of a window, D width of a token

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.data.catalogue import dataset_names, load_dataset
from training.data.feed import AnyBatch, DataConfig, Feed, refuse_device_grids
from training.data.frame_tokens import Camera, Scene, TokenCache, Tokenizer
from training.data.token_sequence import Layout, arrange

if TYPE_CHECKING:
    from training.recipe import Recipe, Stage


@dataclass(frozen=True, kw_only=True)
class Config(DataConfig):
    """Which scenes, how long, and how their tokens follow one another."""

    sequences: dict[str, int] = field(default_factory=lambda: {"synthetic": 100})
    """Scenes of each data set, by its file name in training/data/sets."""
    num_windows: int = 8
    """F, of a scene that is film; one that is not is a single pair, as N-ImageNet's are in the
    released code."""
    root: Path | None = None
    """Folder of the data sets; None is $SACCADE_DATA, else ../shared/data."""
    window_tokens: int = 4096
    """Tokens of a sample that something is predicted from: 16 frames of 256, or 8 pairs."""
    layout: Layout = field(default_factory=Layout)
    """How events and pictures follow one another."""
    tokens: Literal["cached", "online"] = "cached"
    """Whether tokens are made once and kept on disk, or anew in every step."""

    def __post_init__(self) -> None:
        if not any(self.sequences.values()) or min(self.sequences.values()) < 0:
            raise ValueError(f"data.sequences must be 0 or more, not all 0, got {self.sequences}")
        for name in ("num_windows", "window_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"data.{name} must be at least 1, got {getattr(self, name)}")

    def build(self, recipe: Recipe) -> TokenFeed:
        return TokenFeed(self, recipe)

    def offering_all(self) -> Self:
        return replace(
            self, sequences=self.sequences | dict.fromkeys(dataset_names(), 0) | self.sequences
        )

    def without_unused(self) -> Self:
        drawn = {name: num for name, num in self.sequences.items() if num}
        return replace(self, sequences=drawn)


class TokenSample(NamedTuple):
    """A stretch of the stream."""

    tokens: Tensor
    """(M + 1, D) float32."""
    modality: Tensor
    """(M + 1,) int64."""
    name: str


class FilmSample(NamedTuple):
    """A scene whose tokens are not made yet."""

    events: Tensor
    """(F, C, H, W) float32 network inputs."""
    images: Tensor
    """(F, 3, H, W) uint8 RGB."""
    is_static: bool
    name: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TokenBatch:
    """Stretches of the stream."""

    tokens: Tensor
    """(B, M + 1, D) float32."""
    modality: Tensor
    """(B, M + 1) int64, see Modality."""
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    def to(self, device: torch.device) -> TokenBatch:
        """Return the batch on ``device``."""
        tokens, modality = (
            each.to(device, non_blocking=True) for each in (self.tokens, self.modality)
        )
        return TokenBatch(tokens=tokens, modality=modality, names=self.names)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FilmBatch:
    """Scenes whose tokens are not made yet."""

    events: Tensor
    """(B, F, C, H, W) float32 network inputs."""
    images: Tensor
    """(B, F, 3, H, W) uint8 RGB."""
    is_static: tuple[bool, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.events)

    def to(self, device: torch.device) -> FilmBatch:
        """Return the batch on ``device``."""
        events, images = (each.to(device, non_blocking=True) for each in (self.events, self.images))
        return FilmBatch(events=events, images=images, is_static=self.is_static, names=self.names)


class TokenFeed(Feed):
    """Stretches of tokens, or scenes to be made into such."""

    def __init__(self, config: Config, recipe: Recipe) -> None:
        refuse_device_grids(recipe, "a stream's grids are made where its scenes are shown")
        self.config = config
        self.names = tuple(config.sequences)
        self.datasets = [load_dataset(name, config.root) for name in self.names]
        last = recipe.stages[-1]
        self.camera = Camera(
            spec=recipe.spec,
            height=last.height,
            width=last.width,
            window_us=recipe.window_us,
            seed=recipe.seed,
        )
        self.cache: TokenCache | None = None

    def fill(self, tokenizer: Tokenizer) -> None:
        """Make all tokens that are not on disk yet; nothing where they are made online."""
        if self.config.tokens == "cached":
            self.cache = TokenCache(self.datasets, self.scenes(), self.camera, tokenizer)

    def scenes(self) -> list[Scene]:
        """Return all scenes, in the order of the stream."""
        return [
            self._scene(which, index)
            for which, num in enumerate(self.config.sequences.values())
            for index in range(num)
        ]

    def _scene(self, which: int, index: int) -> Scene:
        is_static = not self.datasets[which].is_film
        num_windows = 1 if is_static else self.config.num_windows
        return Scene(dataset=which, index=index, num_windows=num_windows, is_static=is_static)

    def samples(self, stage: Stage) -> Dataset[Any]:
        if self.config.tokens == "online":
            return _Scenes(self)
        assert self.cache is not None, "the method fills the feed first"
        return _Stretches(self, self.cache)

    def collate(self, samples: Sequence[Any]) -> AnyBatch:
        names = tuple(sample.name for sample in samples)
        if isinstance(samples[0], TokenSample):
            return TokenBatch(
                tokens=torch.stack([sample.tokens for sample in samples]),
                modality=torch.stack([sample.modality for sample in samples]),
                names=names,
            )
        return FilmBatch(
            events=torch.stack([sample.events for sample in samples]),
            images=torch.stack([sample.images for sample in samples]),
            is_static=tuple(sample.is_static for sample in samples),
            names=names,
        )


class _Stretches(Dataset[Any]):
    """Sample i is a stretch of the stream that i and the seed choose."""

    def __init__(self, feed: TokenFeed, cache: TokenCache) -> None:
        self.feed, self.cache = feed, cache
        self.length = feed.config.window_tokens + 1
        tokens_a_frame = cache.scene(0)[0].shape[1]
        layout = feed.config.layout
        sizes = [layout.num_tokens(each.num_windows, tokens_a_frame) for each in cache.scenes]
        self.ends = np.array(list(accumulate(sizes)))
        if self.ends[-1] < self.length:
            raise ValueError(
                f"all scenes have {self.ends[-1]} tokens, a sample needs {self.length}: raise "
                "--data.sequences, or lower --data.window-tokens"
            )

    def __getitem__(self, i: int) -> TokenSample:
        rng = np.random.default_rng((self.feed.camera.seed, i))
        start = int(rng.integers(self.ends[-1] - self.length + 1))
        first = number = int(np.searchsorted(self.ends, start, side="right"))
        offset = start - int(self.ends[first - 1] if first else 0)
        parts: list[tuple[Tensor, Tensor]] = []
        while sum(len(tokens) for tokens, _ in parts) < offset + self.length:
            scene = self.cache.scenes[number]
            made = self.cache.scene(number)
            parts.append(arrange(*made, self.feed.config.layout, is_static=scene.is_static))
            number += 1
        stretch = slice(offset, offset + self.length)
        tokens, modality = (torch.cat(each)[stretch] for each in zip(*parts, strict=True))
        scene = self.cache.scenes[first]
        return TokenSample(tokens, modality, f"{self.feed.names[scene.dataset]}/{scene.index}")


class _Scenes(Dataset[Any]):
    """Sample i is a scene that i and the seed choose, a data set as often as it has scenes."""

    def __init__(self, feed: TokenFeed) -> None:
        self.feed = feed
        numbers = np.array(list(feed.config.sequences.values()), np.float64)
        self.shares = numbers / numbers.sum()

    def __getitem__(self, i: int) -> FilmSample:
        feed = self.feed
        rng = np.random.default_rng((feed.camera.seed, i))
        which = int(rng.choice(len(self.shares), p=self.shares))
        is_static = not feed.datasets[which].is_film
        num_windows = feed.config.num_windows
        scenes = [
            Scene(dataset=which, index=int(index), num_windows=length, is_static=is_static)
            for index, length in (
                ((index, 1) for index in rng.integers(2**31, size=num_windows))
                if is_static
                else ((rng.integers(2**31), num_windows),)
            )
        ]
        shown = [feed.camera.show(feed.datasets[which], scene) for scene in scenes]
        events, images = (
            torch.from_numpy(np.concatenate([getattr(each, name) for each in shown]))
            for name in ("events", "images")
        )
        return FilmSample(events, images, is_static, f"{feed.names[which]}/{scenes[0].index}")
