"""The one training loop: it knows batches and losses, not methods."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter

from models.card import CardError, ModelCard
from models.model_file import load_card, load_model, save_model
from models.palette import color_of
from models.perception import Perception, describe_encoder
from training.checkpoint import Run
from training.data.catalogue import joint_labels, load_dataset
from training.data.labelled import Batch, DataSet
from training.data.mixture import Mixture, batches
from training.data.taught import attach_teacher
from training.methods.method import StepOutput
from training.optim import AveragedWeights, build_optimizer, learning_rate
from training.recipe import Recipe

log = logging.getLogger(__name__)

MODEL_FILE = "model.safetensors"
CHECKPOINT_FILE = "checkpoint.pt"
RECIPE_FILE = "recipe.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands, reported at every logged step."""

    step: int
    num_steps: int
    loss: float
    terms: dict[str, float]
    samples_per_s: float


def make_card(recipe: Recipe, datasets: list[DataSet], provenance: dict[str, object]) -> ModelCard:
    """Return the card of the model that a recipe trains on ``datasets``."""
    recognition, segmentation = joint_labels(datasets)
    last = recipe.stages[-1]
    return ModelCard(
        name=recipe.name,
        spec=recipe.spec,
        window_us=recipe.window_us,
        stride_us=recipe.stride_us,
        input_height=last.height,
        input_width=last.width,
        tasks=("recognition", "segmentation", "depth"),
        recognition_labels=recognition,
        segmentation_labels=segmentation,
        palette=tuple(color_of(label) for label in segmentation),
        encoder=describe_encoder(recipe.encoder),
        provenance=provenance,
    )


def train(
    recipe: Recipe,
    folder: Path,
    *,
    device: torch.device,
    report: Callable[[Progress], None],
    provenance: dict[str, object] | None = None,
) -> Path:
    """Run a recipe, or go on with it where ``folder`` holds its checkpoint; return the model file.

    Equal recipes give equal weights on one machine, interrupted or not.

    Raises:
        CheckpointError: ``folder`` holds the checkpoint of another recipe.
        FloatingPointError: the loss is no longer finite; the last checkpoint stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    datasets = [load_dataset(name) for name in recipe.shares]
    made_by = {"recipe": recipe.name, "data": list(recipe.shares), "seed": recipe.seed}
    card = make_card(recipe, datasets, {**made_by, **(provenance or {})})
    torch.manual_seed(recipe.seed)
    module = Perception(card)
    if recipe.initial is not None:
        card = start_from(Path(recipe.initial), module, card)
    module.to(device)
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    embedding_width = attach_teacher(datasets) if recipe.method.distillation else 0
    method = recipe.method.build(module, embedding_width).to(device)
    run = Run(
        recipe=recipe,
        method=method,
        average=AveragedWeights(module, recipe.ema_decay),
        optimizer=build_optimizer(method, recipe),
    )
    first_step = 0
    if (folder / CHECKPOINT_FILE).exists():
        first_step = run.restore(folder / CHECKPOINT_FILE)
        card = note_resumption(card, folder / MODEL_FILE, first_step)
        log.info("going on after step %d of %d", first_step, recipe.num_steps)
    (folder / RECIPE_FILE).write_text(recipe.to_json())
    incoming = _batches(recipe, datasets, card, first_step, embedding_width)
    _optimize(run, incoming, first_step, folder, card, device=device, report=report)
    return folder / MODEL_FILE


def _optimize(
    run: Run,
    incoming: Iterable[Batch],
    first_step: int,
    folder: Path,
    card: ModelCard,
    *,
    device: torch.device,
    report: Callable[[Progress], None],
) -> None:
    """Step once for every batch; log, report and save on the recipe's schedule."""
    recipe = run.recipe
    clock = _Clock()
    with SummaryWriter(str(folder)) as writer:
        for step, batch in enumerate(incoming, first_step):
            output = _step(run, batch, step, device)
            clock.count(len(batch))
            if step % recipe.log_every == 0:
                progress = _progress(step, recipe, output, clock.rate())
                _write(writer, progress, learning_rate(step, recipe))
                report(progress)
            if (step + 1) % recipe.checkpoint_every == 0 or step + 1 == recipe.num_steps:
                run.save(folder / CHECKPOINT_FILE, step + 1)
                dtype = getattr(torch, recipe.file_dtype)
                save_model(folder / MODEL_FILE, run.average.module, card, dtype=dtype)


def start_from(path: Path, module: Perception, card: ModelCard) -> ModelCard:
    """Load a model file's weights into ``module``; return the card with its provenance added.

    Raises:
        FileNotFoundError: there is no such file.
        CardError: the file is no model file, or its network or labels differ from ``card``'s.
    """
    start, start_card = load_model(path)
    for item in ("encoder", "spec", "tasks", "recognition_labels", "segmentation_labels"):
        if getattr(start_card, item) != getattr(card, item):
            raise CardError(f"{path} cannot be the start of this run: its {item} differs")
    module.load_state_dict(start.state_dict())
    return replace(card, provenance={**card.provenance, "initial": start_card.provenance})


def note_resumption(card: ModelCard, path: Path, step: int) -> ModelCard:
    """Return ``card`` with what it went on from, where other code had made the steps so far."""
    if not path.exists():
        return card
    before = load_card(path).provenance
    resumed = list(before.get("resumed", []))
    if before.get("revision") != card.provenance.get("revision"):
        resumed.append({"after_step": step, "of_revision": before.get("revision")})
    return replace(
        card, provenance={**card.provenance, "resumed": resumed} if resumed else card.provenance
    )


def _step(run: Run, batch: Batch, step: int, device: torch.device) -> StepOutput:
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(step, run.recipe)
    run.method.train()
    with torch.autocast(device.type, torch.bfloat16):
        output: StepOutput = run.method(batch.to(device))
    output.loss.backward()  # type: ignore[no-untyped-call]
    parameters = run.method.parameters()
    grad_norm = torch.nn.utils.clip_grad_norm_(parameters, run.recipe.max_grad_norm)
    if not torch.isfinite(grad_norm):  # syncs with the GPU, once a step
        terms = {name: f"{term.item():.3g}" for name, term in output.terms.items()}
        raise FloatingPointError(f"step {step}: gradient norm {grad_norm}, loss terms {terms}")
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    run.method.after_step(step)
    run.average.update(run.method.trained(), step)
    return output


def _batches(
    recipe: Recipe,
    datasets: list[DataSet],
    card: ModelCard,
    first_step: int,
    embedding_width: int,
) -> Iterator[Batch]:
    """Yield the batches of every stage from ``first_step`` on."""
    stage_start = num_samples = 0
    shares = list(recipe.shares.values())
    for stage in recipe.stages:
        done = min(max(first_step - stage_start, 0), stage.steps)
        if done < stage.steps:
            mixture = Mixture(
                datasets,
                shares,
                card,
                height=stage.height,
                width=stage.width,
                seed=recipe.seed,
                embedding_width=embedding_width,
            )
            yield from batches(
                mixture,
                first=num_samples + done * stage.batch_size,
                num_batches=stage.steps - done,
                batch_size=stage.batch_size,
                num_workers=recipe.num_workers,
            )
        stage_start += stage.steps
        num_samples += stage.steps * stage.batch_size


def _progress(step: int, recipe: Recipe, output: StepOutput, rate: float) -> Progress:
    return Progress(
        step=step,
        num_steps=recipe.num_steps,
        loss=output.loss.item(),
        terms={name: term.item() for name, term in output.terms.items()},
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
