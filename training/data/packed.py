"""Windows made once and kept: what a GPU needs that is faster than windows can be made.

Making a window, simulation above all, takes a core milliseconds; reading a kept one takes
microseconds. The price is that there are ``num_samples`` different ones, in an order drawn anew for
each pass over them.

What is kept is the finished grid in 16 bits, not the events: at 224x224 a grid of three channels is
0.3 MB, 100,000 events are 1.6 MB, and a grid asks nothing more of processor or GPU.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch.utils.data import DataLoader, Dataset, Subset

from training.data import mixture
from training.data.batch import PairSample, Sample
from training.data.features import FeatureCache, Rows
from training.data.feed import DataConfig, Feed, refuse_device_grids
from training.data.mixture import WindowFeed
from training.data.workers import workers

if TYPE_CHECKING:
    from training.recipe import Recipe, Stage

COLUMNS = ("grid", "label", "class_ids", "depth_m", "embedding", "dataset", "name")
PAIR_COLUMNS = ("image", "previous", "counts")
NUM_CHARS = 48
"""Of a sample's name that are kept."""


@dataclass(frozen=True, kw_only=True)
class Config(DataConfig):
    """What to make, how many, and where to keep them."""

    windows: mixture.Config = field(default_factory=mixture.Config)
    folder: Path = Path("out/packed")
    """Made at the first run and used by later ones; another recipe's windows lie beside."""
    num_samples: int = 100_000
    shard_samples: int = 1_024
    """Samples of one file; what was interrupted goes on at the first file that is missing."""
    num_workers: int = 2
    """Processes that make the samples."""

    def __post_init__(self) -> None:
        if self.windows.draw != "sample":
            raise ValueError(
                "data.windows.draw must be sample, got batch: packed windows come in an order of "
                "their own, which mixes batches"
            )
        for name in ("num_samples", "shard_samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"data.{name} must be at least 1, got {getattr(self, name)}")

    def build(self, recipe: Recipe) -> PackedFeed:
        return PackedFeed(self, recipe)


class PackedFeed(WindowFeed):
    """The windows of a mixture from disk."""

    def __init__(self, config: Config, recipe: Recipe) -> None:
        refuse_device_grids(recipe, "packed windows are kept as finished grids")
        super().__init__(config.windows, recipe)
        self.packed = config

    def samples(self, stage: Stage) -> Dataset[Any]:
        made = super().samples(stage)
        config = self.packed
        decides = (self.config, self.recipe.spec, self.recipe.window_us, self.recipe.seed)
        key = hashlib.sha256(repr((decides, stage.height, stage.width)).encode()).hexdigest()[:12]
        cache = FeatureCache(
            folder=config.folder / f"{stage.width}x{stage.height}-{key}",
            names=COLUMNS + (PAIR_COLUMNS if self.config.with_images else ()),
            num_rows=config.num_samples,
            shard_rows=config.shard_samples,
        )
        cache.fill(lambda rows: _make(made, self, rows, config.num_workers))
        return Kept(cache, self.recipe.seed, has_pairs=self.config.with_images)


class Kept(Dataset[Any]):
    """Sample i of an endless succession of passes, each in its own order."""

    def __init__(self, cache: FeatureCache, seed: int, *, has_pairs: bool) -> None:
        self.cache = cache
        self.seed = seed
        self.has_pairs = has_pairs
        self._order: tuple[int, npt.NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def __getitem__(self, i: int) -> Sample:
        epoch, place = divmod(i, self.cache.num_rows)
        if self._order[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch))
            self._order = (epoch, rng.permutation(self.cache.num_rows))
        row = int(self._order[1][place])

        def read(name: str) -> npt.NDArray[Any]:
            return self.cache.row(name, row)

        pair = None
        if self.has_pairs:
            counts = read("counts").astype(np.float32)
            pair = PairSample(read("image"), read("previous"), counts)
        return Sample(
            grid=read("grid").astype(np.float32),
            label=int(read("label")),
            class_ids=read("class_ids"),
            depth_m=read("depth_m").astype(np.float32),
            embedding=read("embedding"),
            dataset=int(read("dataset")),
            name=bytes(read("name")).rstrip(b"\0").decode(),
            pair=pair,
        )


def _make(made: Dataset[Any], feed: Feed, rows: range, num_workers: int) -> Rows:
    """Return the samples of ``rows`` as arrays, halves where 11 bits of precision are enough."""
    loader: DataLoader[Any] = DataLoader(
        Subset(made, rows), batch_size=None, collate_fn=_unchanged, **workers(num_workers)
    )
    samples: list[Sample] = list(loader)
    columns: dict[str, npt.NDArray[Any]] = {
        "grid": np.stack([sample.grid for sample in samples]).astype(np.float16),
        "label": np.array([sample.label for sample in samples]),
        "class_ids": np.stack([sample.class_ids for sample in samples]),
        "depth_m": np.stack([sample.depth_m for sample in samples]).astype(np.float16),
        "embedding": np.stack([sample.embedding for sample in samples]),
        "dataset": np.array([sample.dataset for sample in samples]),
        "name": np.stack([_bytes_of(sample.name) for sample in samples]),
    }
    pairs = [sample.pair for sample in samples if sample.pair is not None]
    if pairs:
        columns["image"] = np.stack([pair.image for pair in pairs])
        columns["previous"] = np.stack([pair.previous for pair in pairs])
        counts = np.stack([pair.counts for pair in pairs])
        columns["counts"] = np.minimum(counts, np.iinfo(np.uint16).max).astype(np.uint16)
    return columns


def _unchanged(sample: Any) -> Any:
    """Keep a sample as numpy arrays; a function of its own, since workers may have to pickle it."""
    return sample


def _bytes_of(name: str) -> npt.NDArray[np.uint8]:
    held = np.zeros(NUM_CHARS, np.uint8)
    content = name.encode()[:NUM_CHARS]
    held[: len(content)] = np.frombuffer(content, np.uint8)
    return held
