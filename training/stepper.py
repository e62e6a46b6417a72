"""One optimiser step: precision, accumulation, compilation, and what may go wrong in it."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from training.checkpoint import Run
from training.data.feed import AnyBatch
from training.methods.method import StepOutput
from training.optim import learning_rate, set_learning_rate
from training.recipe import Recipe
from training.throughput import count_flops

log = logging.getLogger(__name__)

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


class NotFiniteError(FloatingPointError):
    """A loss or a gradient is no longer a number."""


class OutOfMemoryError(RuntimeError):
    """The GPU's memory does not hold a step; the message names what to lower."""


class Stepper:
    """Moves a run by one step for each list of ``accumulate`` batches."""

    def __init__(self, run: Run, recipe: Recipe) -> None:
        self.run = run
        self.recipe = recipe
        self.device = run.world.device
        self._forward: Callable[[Any], StepOutput] = run.distributed
        if recipe.compile:
            self._forward = _compiled(run.distributed)

    def step(self, batches: Sequence[AnyBatch], step: int) -> StepOutput:
        """Return the last batch's output after one optimiser step over all of them.

        Raises:
            NotFiniteError: a gradient is not finite: names the terms and the batches' samples.
            OutOfMemoryError: the GPU is full: names the fields to lower.
        """
        run, config = self.run, self.recipe.optimizer
        set_learning_rate(run.optimizer, learning_rate(step, config, self.recipe.num_steps))
        run.method.train()
        with self._advising(step):
            for number, batch in enumerate(batches, 1):
                with self._synchronized(is_last=number == len(batches)):
                    output = self._backward(batch, 1 / len(batches))
            self._move(step, output, batches)
        run.method.after_step(step)
        run.average.update(run.method.trained(), step)
        return output

    def count_flops(self, batch: AnyBatch, step: int = 0) -> int:
        """Return the operations of a forward and backward pass; changes nothing.

        Raises:
            OutOfMemoryError: the GPU is full at ``step``: names the fields to lower.
        """
        with self._advising(step), torch.random.fork_rng():
            method = copy.deepcopy(self.run.method).train()
            return count_flops(
                lambda: self._loss(method, batch).loss.backward()  # type: ignore[no-untyped-call]
            )

    def _move(self, step: int, output: StepOutput, batches: Sequence[AnyBatch]) -> None:
        """Let the optimiser follow the gradients, which are then gone."""
        run, config = self.run, self.recipe.optimizer
        run.scaler.unscale_(run.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(run.method.parameters(), config.max_grad_norm)
        if isinstance(norm, DTensor):
            norm = norm.full_tensor()
        # float16 overflows now and then: its scaler skips such a step and lowers the scale
        if not run.scaler.is_enabled() and not torch.isfinite(norm):  # syncs, once a step
            raise NotFiniteError(_describe(step, norm, output, batches))
        run.scaler.step(run.optimizer)
        run.scaler.update()
        run.optimizer.zero_grad(set_to_none=True)

    def _backward(self, batch: AnyBatch, share: float) -> StepOutput:
        output = self._loss(self._forward, batch)
        if self.run.scaler.is_enabled() and not torch.isfinite(output.loss):
            raise NotFiniteError(_describe(-1, output.loss, output, [batch]))
        self.run.scaler.scale(output.loss * share).backward()  # type: ignore[no-untyped-call]
        return output

    def _synchronized(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Return a context in which processes exchange gradients, or wait for the last batch."""
        if is_last or not isinstance(self.run.distributed, nn.parallel.DistributedDataParallel):
            return nullcontext()
        return self.run.distributed.no_sync()

    def _loss(self, forward: Callable[[Any], StepOutput], batch: AnyBatch) -> StepOutput:
        precision = self.recipe.precision
        is_mixed = precision != "fp32"
        with torch.autocast(self.device.type, DTYPES[precision], enabled=is_mixed):
            return forward(batch.to(self.device))

    @contextmanager
    def _advising(self, step: int) -> Iterator[None]:
        """Say what to lower where the GPU's memory does not hold what is done inside."""
        try:
            yield
        except torch.OutOfMemoryError as error:
            number = self.recipe.stage_number(step)
            stage, field = self.recipe.stages[number], f"--stages.{number}"
            raise OutOfMemoryError(
                f"the GPU's memory is full ({str(error).splitlines()[0]}): lower "
                f"{field}.batch-size (now {stage.batch_size}; --accumulate makes up for it), "
                f"{field}.height or {field}.width (now {stage.height} and {stage.width}), or set "
                "--activation-checkpointing"
            ) from None


def _compiled(method: torch.nn.Module) -> Callable[[Any], StepOutput]:
    """Return ``method`` compiled, or as it is should the first call show that it cannot be."""
    compiled: Callable[[Any], StepOutput] = torch.compile(method)

    def forward(batch: Any) -> StepOutput:
        nonlocal compiled
        try:
            return compiled(batch)
        except torch._dynamo.exc.TorchDynamoException as error:
            log.warning("running uncompiled: %s", str(error).splitlines()[0])
            compiled = method
            output: StepOutput = method(batch)
            return output

    return forward


def _describe(
    step: int, value: torch.Tensor, output: StepOutput, batches: Sequence[AnyBatch]
) -> str:
    terms = ", ".join(f"{name} {term.item():.3g}" for name, term in output.terms.items())
    seen = ", ".join(dict.fromkeys(name for batch in batches for name in batch.names))
    where = f"step {step}" if step >= 0 else "the loss"
    return (
        f"{where}: gradient norm {value.item():.3g}, loss terms {terms}, batch of {seen}: lower "
        "--optimizer.lr, or look at these samples; the last checkpoint is whole"
    )
