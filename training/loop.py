"""The one training loop: it knows batches and losses, not methods."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter

from models.model_file import load_card
from training.begin import begin
from training.checkpoint import Run
from training.data.feed import AnyBatch, Delivery, Feed, batches
from training.data.folder import DataError
from training.distributed import World
from training.methods.method import MODEL_FILE, StepOutput
from training.optim import learning_rate
from training.recipe import Recipe
from training.run_folder import RunFolder
from training.stepper import DTYPES, Stepper
from training.throughput import Meter, Throughput, advice, peak_flops_per_s

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands, reported at every logged step."""

    step: int
    num_steps: int
    loss: float
    terms: dict[str, float]
    throughput: Throughput
    num_skipped: int
    """Samples so far that could not be read and were replaced."""


Report = Callable[[Progress], None]


def train(
    recipe: Recipe,
    folder: RunFolder,
    world: World,
    *,
    report: Report,
    provenance: dict[str, Any] | None = None,
) -> Path:
    """Run a recipe, or go on with it where ``folder`` holds a checkpoint; return what it made.

    Equal recipes give equal weights on one machine, interrupted or not.

    Raises:
        CheckpointError: the checkpoint is damaged, of another network, or cannot be written.
        DataError: data are missing, or too many samples cannot be read.
        NotFiniteError: the loss is no longer finite; the last checkpoint stays.
    """
    feed = recipe.data.build(recipe)
    torch.manual_seed(recipe.seed)
    method = recipe.method.build(recipe, feed).to(world.device)
    method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    torch.manual_seed(recipe.seed)
    torch.cuda.manual_seed_all(recipe.seed + world.rank)  # what layers drop differs by process
    made_by = {"recipe": recipe.name, "data": list(feed.names), "seed": recipe.seed}
    if recipe.initial is not None:
        made_by["initial"] = load_card(Path(recipe.initial)).provenance
    made_by |= provenance or {}
    run = begin(recipe, method, world)
    first_step = 0
    if folder.has_checkpoint:
        first_step = run.restore(folder.path)
        made_by = _note_resumption(made_by, folder, first_step)
        log.info("going on after step %d of %d", first_step, recipe.num_steps)
    if not world.is_main:
        return _Loop(run, recipe, folder, None, made_by, report).go(feed, first_step)
    folder.keep_metrics_before(first_step)
    with SummaryWriter(str(folder.path), purge_step=first_step or None) as writer:
        return _Loop(run, recipe, folder, writer, made_by, report).go(feed, first_step)


class _Loop:
    """Steps once for every batch; logs, reports and saves on the recipe's schedule."""

    def __init__(
        self,
        run: Run,
        recipe: Recipe,
        folder: RunFolder,
        writer: SummaryWriter | None,
        made_by: dict[str, Any],
        report: Report,
    ) -> None:
        self.run = run
        self.recipe = recipe
        self.folder = folder
        self.writer = writer
        self.made_by = made_by
        self.report = report
        self.stepper = Stepper(run, recipe)
        device, dtype = run.world.device, DTYPES[recipe.precision]
        peak = peak_flops_per_s(device, dtype)
        if slow := advice(device, dtype, peak):
            log.warning(slow)
        self.meter = Meter(peak)
        self.num_samples = self.num_skipped = 0
        self.last_reason = ""

    def go(self, feed: Feed, first_step: int) -> Path:
        if first_step == 0:
            self._write(self.folder.start)
        made = self.folder.path / MODEL_FILE
        if first_step >= self.recipe.num_steps:  # its last model may not have been written
            return self._write(self.folder.path)
        incoming = _deliveries(self.recipe, feed, first_step, self.run.world)
        for step in range(first_step, self.recipe.num_steps):
            with self.meter.waiting():
                group = [self._checked(next(incoming)) for _ in range(self.recipe.accumulate)]
            if self.meter.flops_per_step is None and not self.run.is_sharded:
                flops = self.stepper.count_flops(group[0], step)
                self.meter.flops_per_step = flops * self.recipe.accumulate
            output = self.stepper.step(group, step)
            self.meter.count(sum(len(batch) for batch in group))
            if step % self.recipe.log_every == 0:
                self._log(step, output)
            every = self.recipe.pictures_every
            if every and step % every == 0 and not self.run.is_sharded:
                self._show(step, group[-1])
            if (step + 1) % self.recipe.checkpoint_every == 0 or step + 1 == self.recipe.num_steps:
                self.run.save(self.folder.path, step + 1)
                made = self._write(self.folder.path)
        return made

    def _write(self, folder: Path) -> Path:
        """Let the main process write into ``folder`` what the run has made so far."""
        averaged = self.run.whole_average()
        path = folder / MODEL_FILE
        if self.run.world.is_main:
            folder.mkdir(exist_ok=True)
            dtype = getattr(torch, self.recipe.file_dtype)
            path = self.run.method.write(folder, averaged, self.made_by, dtype)
        return Path(self.run.world.share(str(path)))

    def _checked(self, delivery: Delivery) -> AnyBatch:
        """Count what could not be read.

        Raises:
            DataError: it is too much.
        """
        for each in delivery.skipped:
            log.warning("sample %d is replaced: %s", each.index, each.reason)
            self.last_reason = each.reason
        self.num_skipped += len(delivery.skipped)
        self.num_samples += len(delivery.skipped) if delivery.batch is None else len(delivery.batch)
        share, limit = self.num_skipped / max(self.num_samples, 1), self.recipe.max_skipped_share
        is_too_much = self.num_samples >= MIN_SAMPLES_FOR_SHARE and share > limit
        if delivery.batch is None or is_too_much:
            raise DataError(
                f"{self.num_skipped} of {self.num_samples} samples cannot be read, the limit is "
                f"{limit:.0%} (--max-skipped-share); the last: {self.last_reason}"
            )
        return delivery.batch

    def _log(self, step: int, output: StepOutput) -> None:
        said = {"loss": output.loss, **output.terms, **output.metrics}
        means = self.run.world.mean(
            torch.stack([value.detach().float() for value in said.values()])
        )
        if self.writer is None:
            return
        values = dict(zip(said, means.tolist(), strict=True))
        progress = Progress(
            step=step,
            num_steps=self.recipe.num_steps,
            loss=values["loss"],
            terms={name: value for name, value in values.items() if name != "loss"},
            throughput=self.meter.read(),
            num_skipped=self.num_skipped,
        )
        values["learning_rate"] = learning_rate(step, self.recipe.optimizer, self.recipe.num_steps)
        self.folder.add_metrics({"step": step, **values})
        speed = progress.throughput
        rates = {"samples_per_s": speed.samples_per_s, "wait_percent": speed.wait_percent}
        if speed.mfu_percent is not None:
            rates["mfu_percent"] = speed.mfu_percent
        for name, value in (values | rates).items():
            self.writer.add_scalar(name, value, step)
        self.report(progress)

    def _show(self, step: int, batch: AnyBatch) -> None:
        if self.writer is None:
            return
        self.run.method.eval()
        device = self.run.world.device
        with torch.no_grad(), torch.random.fork_rng(devices=[]):  # the other processes draw none
            for name, picture in self.run.method.pictures(batch.to(device)).items():
                self.writer.add_image(name, picture.float().nan_to_num().cpu().numpy(), step)


MIN_SAMPLES_FOR_SHARE = 100
"""Before this many samples, one unreadable one says nothing of their share."""


def _note_resumption(made_by: dict[str, Any], folder: RunFolder, step: int) -> dict[str, Any]:
    """Return ``made_by`` with what it went on from: other code, or another recipe."""
    resumed: list[dict[str, Any]] = []
    path = folder.path / MODEL_FILE
    if path.exists():
        before = load_card(path).provenance
        resumed = list(before.get("resumed", []))
        if before.get("revision") != made_by.get("revision"):
            resumed.append({"after_step": step, "of_revision": before.get("revision")})
    if folder.changes:
        resumed.append({"after_step": step, "changes": folder.changes})
    return {**made_by, "resumed": resumed} if resumed else made_by


def _deliveries(recipe: Recipe, feed: Feed, first_step: int, world: World) -> Iterator[Delivery]:
    """Yield the batches of every stage from ``first_step`` on, ``accumulate`` to a step.

    Every batch starts at a multiple of its size: what is decided for a batch is so for all of it.
    """
    stage_start = num_samples = 0
    for stage in recipe.stages:
        done = min(max(first_step - stage_start, 0), stage.steps)
        per_batch = stage.batch_size * world.size
        per_step = recipe.accumulate * per_batch
        num_samples += -num_samples % per_batch
        if done < stage.steps:
            yield from batches(
                feed,
                stage,
                first=num_samples + done * per_step,
                num_batches=(stage.steps - done) * recipe.accumulate,
                num_workers=recipe.num_workers,
                rank=world.rank,
                num_ranks=world.size,
            )
        stage_start += stage.steps
        num_samples += stage.steps * per_step
