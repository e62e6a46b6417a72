from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from models.card import ModelCard
from models.encoders import hybrid
from models.model_file import load_model
from models.perception import Perception
from training import loop
from training.checkpoint import CheckpointError, checkpoints
from training.data import mixture
from training.data.batch import Batch
from training.data.feed import Feed
from training.data.folder import DataError
from training.data.mixture import WindowFeed
from training.distributed import World
from training.loop import Progress, Report, train
from training.methods import finetune
from training.methods.method import MODEL_FILE, Method, MethodConfig, StepOutput
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage
from training.run_folder import METRICS_FILE, RunFolder, RunFolderError
from training.stepper import NotFiniteError
from training.student import build_student, make_card

RECIPE = Recipe(
    name="test",
    stages=(
        Stage(steps=3, height=32, width=64, batch_size=2),
        Stage(steps=3, height=64, width=96, batch_size=2),
    ),
    data=mixture.Config(shares={"synthetic": 1.0}),
    method=finetune.Config(),
    encoder=hybrid.Config(
        widths=(8, 8, 8, 16), depths=(1, 1, 1, 1), stem_width=8, num_attention_heads=2
    ),
    optimizer=OptimizerConfig(warmup_steps=2),
    num_workers=0,
    checkpoint_every=2,
    log_every=1,
)
CPU = torch.device("cpu")


def ignore(progress: Progress) -> None:
    pass


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_model(folder / MODEL_FILE)[0].state_dict()


def go(folder: Path, recipe: Recipe = RECIPE, report: Report = ignore, **options: Any) -> Path:
    existing = options.pop("existing", "resume")
    held = RunFolder(folder, recipe, existing, allow_changes=options.pop("allow_changes", False))
    return train(recipe, held, World(device=CPU), report=report, **options)


def curve(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / METRICS_FILE).read_text().splitlines()]


def interrupt_at(step: int) -> Report:
    def report(progress: Progress) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    return report


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    go(folder)
    return folder


def test_a_run_writes_its_recipe_a_model_and_finite_losses(tmp_path: Path) -> None:
    seen: list[Progress] = []
    path = go(tmp_path, report=seen.append, provenance={"revision": "abc"})
    module, card = load_model(path)
    assert [progress.step for progress in seen] == list(range(6))
    assert {"recognition", "segmentation", "depth"} == set(seen[0].terms)
    assert (card.input_height, card.input_width) == (64, 96)
    made_by = {"recipe": "test", "data": ["synthetic"], "seed": 0, "revision": "abc"}
    assert card.provenance == made_by
    assert all(torch.isfinite(value).all() for value in module.state_dict().values())
    start = load_model(tmp_path / "start" / MODEL_FILE)[0].state_dict()
    changed = [name for name, value in start.items() if not value.equal(module.state_dict()[name])]
    assert len(changed) > len(start) / 2  # the untrained model is kept to compare with
    assert seen[-1].throughput.samples_per_s > 0
    assert 0 < seen[-1].throughput.wait_percent < 100
    assert seen[-1].throughput.mfu_percent is not None


@pytest.mark.parametrize("stop_at", [1, 3, 5])
def test_an_interrupted_run_has_the_very_same_loss_curve_and_weights(
    tmp_path: Path, whole: Path, stop_at: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, report=interrupt_at(stop_at))
    go(tmp_path)
    expected, found = weights(whole), weights(tmp_path)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert curve(tmp_path) == curve(whole)


def test_a_run_is_not_overwritten_unless_told(tmp_path: Path) -> None:
    model = go(tmp_path / "run", replace(RECIPE, stages=RECIPE.stages[:1]))
    before = model.read_bytes()
    with pytest.raises(RunFolderError, match="--resume goes on with it, --restart drops it"):
        go(tmp_path / "run", existing="refuse")
    assert model.read_bytes() == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    for existing in ("refuse", "resume", "restart"):
        with pytest.raises(RunFolderError, match=r"no run's folder but holds thesis\.tex"):
            go(tmp_path / "mine", existing=existing)
    go(tmp_path / "run", replace(RECIPE, stages=RECIPE.stages[1:]), existing="restart")
    assert load_model(model)[1].input_height == 64


def test_a_changed_recipe_is_shown_and_refused_unless_told(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, report=interrupt_at(3))
    changed = replace(RECIPE, optimizer=OptimizerConfig(warmup_steps=2, lr=1e-4))
    with pytest.raises(RunFolderError, match=r"optimizer\.lr was 0\.001, is 0\.0001"):
        go(tmp_path, changed)
    path = go(tmp_path, changed, allow_changes=True)
    made_by = load_model(path)[1].provenance
    assert made_by["resumed"][-1]["changes"] == ["optimizer.lr was 0.001, is 0.0001"]


def test_two_checkpoints_are_kept_and_the_older_serves_where_the_newest_is_damaged(
    tmp_path: Path, whole: Path
) -> None:
    go(tmp_path)
    first, second = checkpoints(tmp_path)
    assert (first.name, second.name) == ("step-00000004.pt", "step-00000006.pt")
    second.write_bytes(second.read_bytes()[:-1000])
    go(tmp_path)
    assert curve(tmp_path) == curve(whole)
    for path in checkpoints(tmp_path):
        path.write_bytes(b"zip? no")
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        go(tmp_path)


def test_a_run_whose_last_model_was_not_written_writes_it_when_it_goes_on(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Method.write

    def full(self: Method, folder: Path, *rest: Any) -> Path:
        if checkpoints(tmp_path) and checkpoints(tmp_path)[-1].stem == "step-00000006":
            raise OSError(28, "No space left on device")
        return write(self, folder, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Method, "write", full)
        with pytest.raises(OSError, match="No space left"):
            go(tmp_path)
    expected, found = weights(whole), weights(go(tmp_path).parent)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, report=interrupt_at(3))
    (before,) = checkpoints(tmp_path)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with pytest.raises(CheckpointError, match="cannot be written"):
            go(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert checkpoints(tmp_path) == [before]
    go(tmp_path)


def test_a_full_disk_takes_nothing_of_the_log_that_a_run_goes_on_with(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, RECIPE, "resume")
    for step in range(100):
        folder.add_metrics({"step": step})
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limit[1]))
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with pytest.raises(OSError, match="large"):
            folder.keep_metrics_before(90)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert len(curve(tmp_path)) == 100
    folder.keep_metrics_before(90)
    assert [each["step"] for each in curve(tmp_path)] == list(range(90))


def test_a_run_that_begins_anew_leaves_nothing_of_the_one_before(tmp_path: Path) -> None:
    RunFolder(tmp_path, RECIPE, "refuse")
    kept = tmp_path / "notes.txt"
    for path in ("teacher/model.safetensors", "heads.safetensors", "model.safetensors"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("")
    kept.write_text("")
    RunFolder(tmp_path, RECIPE, "restart")
    assert {path.name for path in tmp_path.iterdir()} == {"recipe.json", "notes.txt"}


def test_a_loss_that_is_not_finite_names_the_step_the_terms_and_the_samples(
    tmp_path: Path,
) -> None:
    recipe = replace(RECIPE, optimizer=OptimizerConfig(lr=float("inf"), warmup_steps=2))
    with pytest.raises(NotFiniteError, match=r"step 1: .*recognition nan.*synthetic/\d+"):
        go(tmp_path, recipe)


def test_accumulated_batches_make_the_step_of_a_larger_one(tmp_path: Path) -> None:
    base = replace(RECIPE, precision="fp32", method=Still(), ema_decay=0.0)
    one = replace(base, stages=(Stage(steps=2, height=32, width=64, batch_size=4),))
    two = replace(base, stages=(replace(one.stages[0], batch_size=2),), accumulate=2)
    go(tmp_path / "one", one)
    go(tmp_path / "two", two)
    expected, found = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5)


@dataclass(frozen=True, kw_only=True)
class Still(MethodConfig):
    """The mean square of the outputs, in eval mode: no batch statistics."""

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        return _Still(build_student(recipe, make_card(recipe)), make_card(recipe))


class _Still(Method):
    def __init__(self, module: Perception, card: ModelCard) -> None:
        super().__init__()
        self.module, self.card = module, card

    def trained(self) -> nn.Module:
        return self.module

    def forward(self, batch: Batch) -> StepOutput:
        self.eval()
        return StepOutput(self.module(batch.events)["tokens"].square().mean())


class BrokenSamples(Dataset[Any]):
    """Fails on every ``period``-th sample, as a corrupt file does."""

    def __init__(self, whole: Dataset[Any], period: int) -> None:
        self.whole, self.period = whole, period

    def __getitem__(self, i: int) -> Any:
        if i % self.period == 0:
            raise DataError(f"sample {i} of a.h5 is damaged")
        return self.whole[i]


class Broken(WindowFeed):
    period = 3

    def samples(self, stage: Stage) -> Dataset[Any]:
        return BrokenSamples(super().samples(stage), self.period)


def test_unreadable_samples_are_replaced_counted_named_and_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mixture, "WindowFeed", Broken)
    monkeypatch.setattr(finetune, "WindowFeed", Broken)
    seen: list[Progress] = []
    go(tmp_path / "few", report=seen.append)
    assert seen[-1].num_skipped == 4
    assert "sample 3 is replaced: sample 3 of a.h5 is damaged" in caplog.text
    monkeypatch.setattr(loop, "MIN_SAMPLES_FOR_SHARE", 6)
    with pytest.raises(DataError, match=r"2 of 6 samples cannot be read, the limit is 1%"):
        go(tmp_path / "many")
    monkeypatch.setattr(Broken, "period", 1)
    with pytest.raises(DataError, match="is damaged"):
        go(tmp_path / "all")


def test_a_killed_run_goes_on_with_the_same_loss_curve(tmp_path: Path) -> None:
    tiny = [
        "smoke", "--stages.0.steps", "12", "--stages.0.batch-size", "2", "--stages.0.height", "32",
        "--stages.0.width", "32", "--encoder.num-attention-heads", "4", "--checkpoint-every", "4",
        "--log-every", "1", "--threads", "1",
    ]  # fmt: skip
    command = [sys.executable, "-m", "app.cli", "train", *tiny]
    subprocess.run([*command, "-o", str(tmp_path / "whole")], check=True, capture_output=True)
    cut = tmp_path / "cut"
    process = subprocess.Popen([*command, "-o", str(cut)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    stop_at = random.Random(time.time_ns()).randrange(5, 11)
    for line in process.stderr:
        if line.startswith(f"step {stop_at}/"):
            process.kill()
            break
    process.wait()
    process.stderr.close()
    assert not (cut / MODEL_FILE).exists() or len(curve(cut)) < 12
    subprocess.run([*command, "-o", str(cut), "--resume"], check=True, capture_output=True)
    assert curve(cut) == curve(tmp_path / "whole"), f"killed at step {stop_at}"
    expected, found = weights(tmp_path / "whole"), weights(cut)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_cosine_distance_counts_only_the_taught() -> None:
    said = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]])
    taught = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    assert finetune.cosine_distance(said, taught).item() == pytest.approx(0.5)
    assert finetune.cosine_distance(said, torch.zeros(3, 2)).item() == 0
