"""Grids made on the training device are those that workers make, and so are the runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from dataset_layouts import LAYOUTS
from torch import Tensor
from torch.utils.data._utils.pin_memory import pin_memory

from events.packet import SensorSize
from events.representations.count_chunks import CountChunksSpec
from events.representations.count_map import CountMapSpec
from events.representations.red_blue import RedBlueSpec
from events.representations.representation import Spec, spec_kinds
from events.representations.voxel_grid import VoxelGridSpec
from events.representations.voxel_image import VoxelImageSpec
from models.encoders import vit
from training.data import mixture, packed, pictures, raw_batch, token_stream
from training.data.batch import Batch
from training.data.feed import DataConfig, Delivery, batches
from training.data.raw_batch import RawBatch
from training.data.window_transforms import TRANSFORMS
from training.distributed import World
from training.loop import Progress, train
from training.methods import finetune
from training.recipe import Recipe, Stage
from training.run_folder import METRICS_FILE, RunFolder

CPU = torch.device("cpu")
SPECS: dict[str, Spec] = {
    "voxel_grid": VoxelGridSpec(num_bins=5, normalization="nonzero_rms"),
    "red_blue": RedBlueSpec(),
    "voxel_image": VoxelImageSpec(),
    "count_map": CountMapSpec(num_events=100),
    "count_chunks": CountChunksSpec(num_chunks=3, normalization="nonzero_mean_std"),
}
SETS = ("n_caltech101", "n_mnist", "video")
STAGE = Stage(steps=4, height=32, width=64, batch_size=12)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are computed faster by one thread, on a busy machine by far."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sets of a larger sensor than the input, of a smaller one, and of the input's size."""
    folder = tmp_path_factory.mktemp("data")
    for name in SETS:
        LAYOUTS[name].write(folder)
    return folder


def recipe(root: Path, spec: Spec, **changes: object) -> Recipe:
    made = Recipe(
        name="test",
        stages=(STAGE,),
        data=mixture.Config(
            shares=dict.fromkeys(SETS, 1.0), root=root, events_transform=tuple(TRANSFORMS)
        ),
        method=finetune.Config(),
        encoder=vit.Config(width=16, depth=4, num_attention_heads=2, patch_size=8),
        spec=spec,
        precision="fp32",
        num_workers=0,
        checkpoint_every=2,
        log_every=1,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def first_batch(recipe: Recipe, num_workers: int = 0) -> Batch | RawBatch:
    feed = recipe.data.build(recipe)
    (delivery,) = batches(feed, STAGE, first=0, num_batches=1, num_workers=num_workers)
    assert isinstance(delivery.batch, Batch | RawBatch)
    return delivery.batch


def test_every_representation_is_compared() -> None:
    assert sorted(SPECS) == spec_kinds()


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_a_batch_has_the_grids_that_workers_make_and_all_else(root: Path, kind: str) -> None:
    asked = recipe(root, SPECS[kind])
    made = first_batch(asked)
    raw = first_batch(replace(asked, grids_on="device"))
    assert isinstance(raw, RawBatch)
    assert len(set(raw.sensors)) > 3  # of three sets, and of crops
    assert len(raw) == len(raw.names) == STAGE.batch_size
    assert isinstance(made, Batch)
    batch = raw.to(CPU)
    assert batch.events.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(batch.events, made.events, rtol=1e-5, atol=1e-5)
    for name in ("recognition", "segmentation", "depth_m"):
        assert getattr(batch.targets, name).equal(getattr(made.targets, name))
    assert batch.names == made.names
    assert batch.dataset.equal(made.dataset)


def test_a_large_batch_of_one_sensor_is_made_in_parts(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = mixture.Config(shares={"n_mnist": 1.0}, root=root)
    asked = recipe(root, SPECS["red_blue"], data=data)
    sensor = SensorSize(34, 34)
    monkeypatch.setattr(raw_batch, "MAX_PIXELS", 5 * sensor.width * sensor.height)
    raw = first_batch(replace(asked, grids_on="device"))
    assert isinstance(raw, RawBatch)
    assert [len(places) for _, places in raw.parts()] == [5, 5, 2]
    made = first_batch(asked).to(CPU)
    assert isinstance(made, Batch)
    np.testing.assert_allclose(raw.to(CPU).events, made.events, rtol=1e-5, atol=1e-5)


def test_workers_deliver_events_in_one_piece(root: Path) -> None:
    asked = recipe(root, SPECS["voxel_grid"], grids_on="device")
    alone, by_worker = first_batch(asked), first_batch(asked, num_workers=1)
    assert alone.to(CPU).events.equal(by_worker.to(CPU).events)  # type: ignore[attr-defined]


def curve(recipe: Recipe, folder: Path, stop_at: int | None = None) -> list[dict[str, float]]:
    """Return what a run says of its steps, after an interruption where one is asked for."""

    def report(progress: Progress) -> None:
        if progress.step == stop_at:
            raise KeyboardInterrupt

    world = World(device=CPU)
    if stop_at is not None:
        with pytest.raises(KeyboardInterrupt):
            train(recipe, RunFolder(folder, recipe, "resume"), world, report=report)
        stop_at = None
    train(recipe, RunFolder(folder, recipe, "resume"), world, report=report)
    return [json.loads(line) for line in (folder / METRICS_FILE).read_text().splitlines()]


def test_a_run_learns_the_same_and_goes_on_where_it_was(root: Path, tmp_path: Path) -> None:
    by_worker = recipe(root, SPECS["voxel_grid"])
    on_device = replace(by_worker, grids_on="device")
    expected = curve(by_worker, tmp_path / "worker")
    found = curve(on_device, tmp_path / "device")
    for one, other in zip(expected, found, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    assert curve(on_device, tmp_path / "cut", stop_at=2) == found


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (packed.Config(), "packed windows are kept as finished grids"),
        (token_stream.Config(), "a stream's grids are made where its scenes are shown"),
        (pictures.Config(), "pictures have no events"),
    ],
)
def test_what_has_no_raw_events_is_refused(root: Path, data: DataConfig, reason: str) -> None:
    asked = recipe(root, SPECS["voxel_grid"], data=data, grids_on="device")
    with pytest.raises(ValueError, match=f"{reason}: leave --grids-on at worker, got device"):
        data.build(asked)


def test_the_loader_pins_every_tensor_of_a_batch(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []

    def pin(tensor: Tensor) -> Tensor:
        seen.append(tensor)
        return tensor.clone()

    monkeypatch.setattr(Tensor, "pin_memory", pin)
    raw = first_batch(recipe(root, SPECS["voxel_grid"], grids_on="device"))
    assert isinstance(raw, RawBatch)
    delivery = pin_memory(Delivery(raw, []))
    assert isinstance(delivery.batch, RawBatch)
    assert len(seen) == 7  # input, three targets, embedding, data set; events
    assert delivery.batch.to(CPU).events.equal(raw.to(CPU).events)
