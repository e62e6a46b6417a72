"""The one training loop: it knows batches and losses, not methods."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter

from models.model_file import load_card
from training.checkpoint import Run
from training.data.feed import AnyBatch, Feed, batches
from training.methods.method import MODEL_FILE, StepOutput
from training.optim import AveragedWeights, build_optimizer, learning_rate, set_learning_rate
from training.recipe import Recipe

log = logging.getLogger(__name__)

CHECKPOINT_FILE = "checkpoint.pt"
RECIPE_FILE = "recipe.json"
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands, reported at every logged step."""

    step: int
    num_steps: int
    loss: float
    terms: dict[str, float]
    samples_per_s: float


def train(
    recipe: Recipe,
    folder: Path,
    *,
    device: torch.device,
    report: Callable[[Progress], None],
    provenance: dict[str, Any] | None = None,
) -> Path:
    """Run a recipe, or go on with it where ``folder`` holds its checkpoint; return what it made.

    Equal recipes give equal weights on one machine, interrupted or not.

    Raises:
        CheckpointError: ``folder`` holds the checkpoint of another recipe.
        FloatingPointError: the loss is no longer finite; the last checkpoint stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    feed = recipe.data.build(recipe)
    torch.manual_seed(recipe.seed)
    method = recipe.method.build(recipe, feed).to(device)
    method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    made_by = {"recipe": recipe.name, "data": list(feed.names), "seed": recipe.seed}
    if recipe.initial is not None:
        made_by["initial"] = load_card(Path(recipe.initial)).provenance
    run = Run(
        recipe=recipe,
        method=method,
        average=AveragedWeights(method.trained(), recipe.ema_decay),
        optimizer=build_optimizer(method.parameter_groups(), recipe.optimizer),
    )
    first_step = 0
    made_by |= provenance or {}
    if (folder / CHECKPOINT_FILE).exists():
        first_step = run.restore(folder / CHECKPOINT_FILE)
        made_by = note_resumption(made_by, folder / MODEL_FILE, first_step)
        log.info("going on after step %d of %d", first_step, recipe.num_steps)
    (folder / RECIPE_FILE).write_text(recipe.to_json())
    incoming = _batches(recipe, feed, first_step)
    return _optimize(run, incoming, first_step, folder, made_by, device=device, report=report)


def _optimize(
    run: Run,
    incoming: Iterable[AnyBatch],
    first_step: int,
    folder: Path,
    made_by: dict[str, Any],
    *,
    device: torch.device,
    report: Callable[[Progress], None],
) -> Path:
    """Step once for every batch; log, report and save on the recipe's schedule."""
    recipe, clock, made = run.recipe, _Clock(), folder / MODEL_FILE
    dtype = getattr(torch, recipe.file_dtype)
    with SummaryWriter(str(folder)) as writer:
        for step, batch in enumerate(incoming, first_step):
            output = _step(run, batch, step, device)
            clock.count(len(batch))
            if step % recipe.log_every == 0:
                progress = _progress(step, recipe, output, clock.rate())
                rate = learning_rate(step, recipe.optimizer, recipe.num_steps)
                _write(writer, progress, rate)
                report(progress)
            if (step + 1) % recipe.checkpoint_every == 0 or step + 1 == recipe.num_steps:
                run.save(folder / CHECKPOINT_FILE, step + 1)
                made = run.method.write(folder, run.average.module, made_by, dtype)
    return made


def note_resumption(made_by: dict[str, Any], path: Path, step: int) -> dict[str, Any]:
    """Return ``made_by`` with what it went on from, where other code had made the steps so far."""
    if not path.exists():
        return made_by
    before = load_card(path).provenance
    resumed = list(before.get("resumed", []))
    if before.get("revision") != made_by.get("revision"):
        resumed.append({"after_step": step, "of_revision": before.get("revision")})
    return {**made_by, "resumed": resumed} if resumed else made_by


def _step(run: Run, batch: AnyBatch, step: int, device: torch.device) -> StepOutput:
    recipe = run.recipe
    rate = learning_rate(step, recipe.optimizer, recipe.num_steps)
    set_learning_rate(run.optimizer, rate)
    run.method.train()
    is_mixed = recipe.precision != "fp32"
    with torch.autocast(device.type, DTYPES[recipe.precision], enabled=is_mixed):
        output: StepOutput = run.method(batch.to(device))
    output.loss.backward()  # type: ignore[no-untyped-call]
    parameters = run.method.parameters()
    grad_norm = torch.nn.utils.clip_grad_norm_(parameters, recipe.optimizer.max_grad_norm)
    if not torch.isfinite(grad_norm):  # syncs with the GPU, once a step
        terms = {name: f"{term.item():.3g}" for name, term in output.terms.items()}
        seen = ", ".join(dict.fromkeys(batch.names))
        raise FloatingPointError(
            f"step {step}: gradient norm {grad_norm}, loss terms {terms}, batch of {seen}: "
            "lower --optimizer.lr, or look at these recordings"
        )
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    run.method.after_step(step)
    run.average.update(run.method.trained(), step)
    return output


def _batches(recipe: Recipe, feed: Feed, first_step: int) -> Iterator[AnyBatch]:
    """Yield the batches of every stage from ``first_step`` on."""
    stage_start = num_samples = 0
    for stage in recipe.stages:
        done = min(max(first_step - stage_start, 0), stage.steps)
        if done < stage.steps:
            yield from batches(
                feed,
                stage,
                first=num_samples + done * stage.batch_size,
                num_batches=stage.steps - done,
                num_workers=recipe.num_workers,
            )
        stage_start += stage.steps
        num_samples += stage.steps * stage.batch_size


def _progress(step: int, recipe: Recipe, output: StepOutput, rate: float) -> Progress:
    return Progress(
        step=step,
        num_steps=recipe.num_steps,
        loss=output.loss.item(),
        terms={name: term.item() for name, term in (output.terms | output.metrics).items()},
        samples_per_s=rate,
    )


def _write(writer: SummaryWriter, progress: Progress, rate: float) -> None:
    values = {"loss": progress.loss, **progress.terms, "learning_rate": rate}
    for name, value in values.items():
        writer.add_scalar(name, value, progress.step)


class _Clock:
    """Samples a second since it was last asked."""

    def __init__(self) -> None:
        self._start_s = time.perf_counter()
        self._num_samples = 0

    def count(self, num_samples: int) -> None:
        self._num_samples += num_samples

    def rate(self) -> float:
        now_s = time.perf_counter()
        rate = self._num_samples / max(now_s - self._start_s, 1e-9)
        self._start_s, self._num_samples = now_s, 0
        return rate
