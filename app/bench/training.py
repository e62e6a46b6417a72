"""Pretraining's speed: GEP's alignment of a ViT-S/14 at 224 pixels, as published, on this machine.

Steps run through the real loop's parts: packed windows read by worker processes, a frozen teacher
of the same size, the method's loss, AdamW. Weights are random: they cost what trained ones cost.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from app.bench.row import Row
from events.packet import SensorSize
from events.representations.red_blue import RedBlueSpec
from models.encoders import dinov2
from models.teachers.preprocessing import IMAGENET, Preprocessing
from models.teachers.save import save_teacher
from training.begin import begin
from training.data import mixture, packed
from training.data.catalogue import load_dataset
from training.data.feed import Feed, batches
from training.distributed import World
from training.methods import gep_align
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage
from training.stepper import DTYPES, Stepper
from training.throughput import Meter, Throughput, peak_flops_per_s

SIDE = 224
SECTION = "training"
MFU_ASKED_PERCENT, WAIT_ASKED_PERCENT = 40.0, 5.0
"""At least, and at most, of a GPU in bfloat16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much a device can take."""

    batch_size: int
    warm_up: int
    steps: int


LOADS = {
    "cpu": Load(batch_size=2, warm_up=1, steps=3),
    "cuda": Load(batch_size=128, warm_up=10, steps=40),
}


def rows() -> Iterator[Row]:
    """Yield how fast windows are made and the encoder is trained, against plain eager float32."""
    yield _window_row()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    variants = {
        "eager fp32": {"precision": "fp32"},
        "bf16": {"precision": "bf16"},
        "bf16, compiled": {"precision": "bf16", "compile": True},
    }
    if device.type == "cpu":
        del variants["bf16, compiled"]  # half a minute of compilation for three steps
    with tempfile.TemporaryDirectory() as folder:
        recipe = align_recipe(Path(folder), LOADS[device.type], device)
        baseline = None
        for name, options in variants.items():
            changed = replace(recipe, **options)  # type: ignore[arg-type]
            speed = measure(changed, device)
            is_asked = device.type == "cuda" and baseline is not None
            title = f"ViT-S/14 align, {SIDE} px, {device.type}, {name}"
            yield from speed_rows(title, speed, baseline=baseline, is_asked=is_asked)
            baseline = baseline or speed.samples_per_s


def speed_rows(
    title: str, speed: Throughput, *, baseline: float | None, is_asked: bool = False
) -> Iterator[Row]:
    """Yield a run's samples a second, its waiting and its MFU, with ratios to what is asked."""
    yield Row(
        section=SECTION, name=title, value=speed.samples_per_s, unit="samples/s",
        baseline=baseline, is_higher_better=True,
    )  # fmt: skip
    yield Row(
        section=SECTION, name=f"{title}: data wait", value=speed.wait_percent, unit="%",
        baseline=WAIT_ASKED_PERCENT if is_asked else None,
        note=f"to the asked {WAIT_ASKED_PERCENT:g} % at most" if is_asked else "",
    )  # fmt: skip
    if speed.mfu_percent is not None:
        asked = f", to the asked {MFU_ASKED_PERCENT:g} % at least" if is_asked else ""
        yield Row(
            section=SECTION, name=f"{title}: MFU", value=speed.mfu_percent, unit="%",
            baseline=MFU_ASKED_PERCENT if is_asked else None, is_higher_better=True,
            note=f"of this device's own matrix product{asked}",
        )  # fmt: skip


def _window_row() -> Row:
    """Return how many pairs of window and picture one core makes."""
    dataset, sensor = load_dataset("synthetic"), SensorSize(SIDE, SIDE)
    num = 12
    start_s = time.process_time()
    for seed in range(num):
        dataset.window("train", seed, seed, sensor, 50_000, with_images=True)
    rate = num / (time.process_time() - start_s)
    name = f"simulated windows with pictures, {SIDE} px, one core"
    return Row(section=SECTION, name=name, value=rate, unit="samples/s", is_higher_better=True)


def align_recipe(folder: Path, load: Load, device: torch.device) -> Recipe:
    """Return GEP's alignment with a random teacher of DINOv2's small size, saved in ``folder``."""
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    sizes = Dinov2WithRegistersConfig(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, patch_size=14, image_size=518
    )
    teacher = folder / "teacher"
    save_teacher(teacher, Dinov2WithRegistersModel(sizes), Preprocessing(*IMAGENET, size=SIDE), {})
    num_samples = load.batch_size * (8 if device.type == "cuda" else 2)
    cores = os.cpu_count() or 1
    steps = load.warm_up + load.steps
    return Recipe(
        name="bench",
        stages=(Stage(steps=steps, height=SIDE, width=SIDE, batch_size=load.batch_size),),
        data=packed.Config(
            windows=mixture.Config(shares={"synthetic": 1.0}, with_images=True),
            folder=folder / "packed",
            num_samples=num_samples,
            shard_samples=min(num_samples, 128),
            num_workers=cores if device.type == "cuda" else 0,
        ),
        method=gep_align.Config(teacher=str(teacher)),
        encoder=dinov2.small(),
        spec=RedBlueSpec(),
        optimizer=OptimizerConfig(lr=2e-5, warmup_steps=10, weight_decay=0),
        num_workers=max(cores - 1, 1) if device.type == "cuda" else 0,
    )


def measure(recipe: Recipe, device: torch.device, feed: Feed | None = None) -> Throughput:
    """Return how fast the steps of a recipe go after its warm-up, on its data or another feed."""
    load, stage = LOADS[device.type], recipe.stages[0]
    world = World(device=device)
    feed = feed or recipe.data.build(recipe)
    torch.manual_seed(recipe.seed)
    run = begin(recipe, recipe.method.build(recipe, feed).to(device), world)
    stepper = Stepper(run, recipe)
    meter = Meter(peak_flops_per_s(device, DTYPES[recipe.precision]))
    incoming = batches(
        feed, stage, first=0, num_batches=stage.steps, num_workers=recipe.num_workers
    )
    for step in range(stage.steps):
        if step == load.warm_up:
            finish(device)
            meter.read()
        with meter.waiting():
            batch = next(incoming).batch
        assert batch is not None
        if meter.flops_per_step is None:
            meter.flops_per_step = stepper.count_flops(batch)
        stepper.step([batch], step)
        meter.count(len(batch))
    finish(device)
    return meter.read()


def finish(device: torch.device) -> None:
    """Return once all that was asked of a device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
