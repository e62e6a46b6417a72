"""Where windows become grids in pretraining, in the workers or on the training device.

The windows lie in memory, so that nothing is measured but their grids and the way to the device.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from app.bench.representations import VGA, moving_edges
from app.bench.row import Row, alternating_ms
from app.bench.training import LOADS, SECTION, SIDE, align_recipe, finish, measure, speed_rows
from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from training.data import mixture
from training.data.batch import collate
from training.data.dataset import LabelledWindow, Split
from training.data.mixture import WindowFeed
from training.data.raw_batch import RawBatch
from training.recipe import Recipe

NUM_EVENTS, NUM_WINDOWS = 100_000, 32
PLACES: tuple[Literal["worker", "device"], ...] = ("worker", "device")


class KeptWindows:
    """Windows of moving edges with pictures that need no resizing, made once."""

    name = "kept"
    is_film = False
    recognition_labels: tuple[str, ...] = ()
    segmentation_labels: tuple[str, ...] = ()

    def __init__(self, num_windows: int, window_us: int) -> None:
        random = np.random.default_rng(0)
        content = Letterbox(VGA, SIDE, SIDE).content
        image = random.integers(0, 256, (content.height, content.width, 3)).astype(np.uint8)
        self.windows = [
            LabelledWindow(
                packet=moving_edges(VGA, NUM_EVENTS, window_us, seed=seed),
                image=image,
                previous=image,
            )
            for seed in range(num_windows)
        ]

    def num_windows(self, split: Split) -> int:
        return len(self.windows)

    def window(
        self,
        split: Split,
        index: int,
        seed: int,
        sensor: SensorSize,
        window_us: int,
        *,
        augment: bool = False,
        with_images: bool = False,
    ) -> LabelledWindow:
        return self.windows[index]


def rows() -> Iterator[Row]:
    """Yield a grid's cost in both places, then how fast the encoder is trained with each."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with tempfile.TemporaryDirectory() as folder:
        recipe = replace(
            align_recipe(Path(folder), LOADS[device.type], device),
            data=mixture.Config(with_images=True),
            precision="bf16" if device.type == "cuda" else "fp32",
        )
        kept = KeptWindows(NUM_WINDOWS, recipe.window_us)
        feeds = {place: _feed(replace(recipe, grids_on=place), kept) for place in PLACES}
        yield from _grid_rows(recipe, feeds["device"], device)
        baseline = None
        for place, feed in feeds.items():
            speed = measure(feed.recipe, device, feed)
            makers = (
                f"by {recipe.num_workers or 'no'} workers" if place == "worker" else "on device"
            )
            title = f"ViT-S/14 align, {device.type}, {NUM_EVENTS:,} events, grids {makers}"
            is_asked = device.type == "cuda"
            yield from speed_rows(title, speed, baseline=baseline, is_asked=is_asked)
            baseline = speed.samples_per_s


def _feed(recipe: Recipe, kept: KeptWindows) -> WindowFeed:
    """Return a feed that draws the kept windows in place of the simulator's."""
    assert isinstance(recipe.data, mixture.Config)
    feed = recipe.data.build(recipe)
    feed.datasets = [kept]
    return feed


def _grid_rows(recipe: Recipe, feed: WindowFeed, device: torch.device) -> Iterator[Row]:
    """Yield the milliseconds of one grid: by one core, and on the device in a batch's midst."""
    stage = recipe.stages[0]
    samples = feed.samples(stage)
    some = [samples[i] for i in range(stage.batch_size)]
    raw = feed.collate(some)
    assert isinstance(raw, RawBatch)
    without = collate(some)
    letterbox = Letterbox(VGA, stage.height, stage.width)

    def by_worker() -> None:
        recipe.spec.network_input(some[0].packet, letterbox)

    def on_device() -> None:
        raw.to(device)
        finish(device)

    def nothing() -> None:
        without.to(device)
        finish(device)

    cost_ms = alternating_ms({"worker": by_worker, "device": on_device, "rest": nothing})
    each_ms = (cost_ms["device"] - cost_ms["rest"]) / len(raw)
    name = f"grid of {NUM_EVENTS:,} events, {SIDE} px"
    yield Row(section=SECTION, name=f"{name}, one core", value=cost_ms["worker"], unit="ms")
    yield Row(
        section=SECTION, name=f"{name}, on {device.type}, {len(raw)} at once", value=each_ms,
        unit="ms", baseline=cost_ms["worker"], note="to one core; with the events' way there",
    )  # fmt: skip
