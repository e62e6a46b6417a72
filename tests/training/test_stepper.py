from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from models.encoders import vit
from models.perception import Perception
from training.data import mixture
from training.data.batch import Batch
from training.data.feed import Feed
from training.distributed import World
from training.loop import train
from training.methods.method import MODEL_FILE, Method, MethodConfig, StepOutput
from training.recipe import Recipe, Stage
from training.run_folder import RunFolder
from training.stepper import NotFiniteError, OutOfMemoryError
from training.student import build_student, make_card


@dataclass(frozen=True, kw_only=True)
class Failing(MethodConfig):
    """Does at one call what a full GPU, or a loss that is no number, does."""

    fails_at: int
    """Calls before it; the first one counts operations."""
    is_full: bool = True

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        return _Failing(self, build_student(recipe, make_card(recipe)), recipe)


class _Failing(Method):
    num_calls = 0

    def __init__(self, config: Failing, module: Perception, recipe: Recipe) -> None:
        super().__init__()
        self.config, self.module, self.card = config, module, make_card(recipe)
        _Failing.num_calls = 0

    def trained(self) -> nn.Module:
        return self.module

    def forward(self, batch: Batch) -> StepOutput:
        _Failing.num_calls += 1  # of the class: operations are counted on a copy
        loss = self.module(batch.events)["tokens"].square().mean()
        if _Failing.num_calls > self.config.fails_at:
            if self.config.is_full:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nx")
            loss = loss * float("nan")
        return StepOutput(loss, {"square": loss})


RECIPE = Recipe(
    name="test",
    stages=(
        Stage(steps=2, height=16, width=16, batch_size=2),
        Stage(steps=2, height=32, width=24, batch_size=3),
    ),
    data=mixture.Config(),
    method=Failing(fails_at=0),
    encoder=vit.Config(width=16, depth=4, num_attention_heads=2, patch_size=8),
    precision="fp32",
    num_workers=0,
    checkpoint_every=1,
    log_every=1,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are computed faster by one thread, on a busy machine by far."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


def go(folder: Path, method: Failing, **changes: int) -> Path:
    recipe = replace(RECIPE, method=method, **changes)  # type: ignore[arg-type]
    held = RunFolder(folder, recipe, "refuse")
    return train(recipe, held, World(device=torch.device("cpu")), report=lambda progress: None)


@pytest.mark.parametrize(
    ("fails_at", "fields"),
    [
        (0, "--stages.0.batch-size (now 2; --accumulate makes up for it), --stages.0.height or "
            "--stages.0.width (now 16 and 16)"),
        (3, "--stages.1.batch-size (now 3; --accumulate makes up for it), --stages.1.height or "
            "--stages.1.width (now 32 and 24)"),
    ],
)  # fmt: skip
def test_a_full_gpu_is_told_with_the_fields_to_lower(
    tmp_path: Path, fails_at: int, fields: str
) -> None:
    with pytest.raises(OutOfMemoryError) as told:
        go(tmp_path, Failing(fails_at=fails_at))
    assert str(told.value) == (
        "the GPU's memory is full (CUDA out of memory. Tried to allocate 20.00 GiB.): lower "
        f"{fields}, or set --activation-checkpointing"
    )


def test_the_command_line_says_what_to_lower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from app import cli

    monkeypatch.setattr("training.recipe.load_recipe", lambda name: RECIPE)
    assert cli.main(["train", "test", "-o", str(tmp_path / "run"), "--device", "cpu"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("saccade: the GPU's memory is full (CUDA out of memory.")
    assert "lower --stages.0.batch-size (now 2;" in said


def test_a_run_whose_gradient_is_no_number_stops_and_keeps_the_last_checkpoint(
    tmp_path: Path,
) -> None:
    with pytest.raises(NotFiniteError, match=r"step 2: gradient norm nan, .*checkpoint is whole"):
        go(tmp_path, Failing(fails_at=3, is_full=False))
    (last,) = sorted((tmp_path / "checkpoints").iterdir())[-1:]
    assert last.name == "step-00000002.pt"
    assert (tmp_path / MODEL_FILE).is_file()
