from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.encoders import hybrid
from models.model_file import load_model
from training.checkpoint import CheckpointError
from training.data import mixture
from training.loop import CHECKPOINT_FILE, Progress, train
from training.methods import finetune
from training.methods.method import MODEL_FILE
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage

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


def test_a_run_writes_its_recipe_a_model_and_finite_losses(tmp_path: Path) -> None:
    seen: list[Progress] = []
    path = train(RECIPE, tmp_path, device=CPU, report=seen.append, provenance={"revision": "abc"})
    module, card = load_model(path)
    assert [progress.step for progress in seen] == list(range(6))
    assert {"recognition", "segmentation", "depth"} == set(seen[0].terms)
    assert (card.input_height, card.input_width) == (64, 96)
    made_by = {"recipe": "test", "data": ["synthetic"], "seed": 0, "revision": "abc"}
    assert card.provenance == made_by
    assert all(torch.isfinite(value).all() for value in module.state_dict().values())


@pytest.mark.parametrize("stop_at", [1, 3, 5])
def test_an_interrupted_run_ends_with_the_very_same_weights(tmp_path: Path, stop_at: int) -> None:
    train(RECIPE, tmp_path / "whole", device=CPU, report=ignore)

    def interrupt(progress: Progress) -> None:
        if progress.step == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, tmp_path / "cut", device=CPU, report=interrupt)
    train(RECIPE, tmp_path / "cut", device=CPU, report=ignore)
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_another_recipe_s_checkpoint_is_refused_and_kept(tmp_path: Path) -> None:
    train(RECIPE, tmp_path, device=CPU, report=ignore)
    before = (tmp_path / CHECKPOINT_FILE).read_bytes()
    with pytest.raises(CheckpointError, match="another recipe"):
        train(replace(RECIPE, seed=1), tmp_path, device=CPU, report=ignore)
    assert (tmp_path / CHECKPOINT_FILE).read_bytes() == before


def test_a_damaged_checkpoint_is_one_line(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT_FILE).write_bytes(b"zip? no")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        train(RECIPE, tmp_path, device=CPU, report=ignore)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(tmp_path: Path) -> None:
    recipe = replace(RECIPE, optimizer=OptimizerConfig(lr=float("inf"), warmup_steps=2))
    with pytest.raises(FloatingPointError, match="step 1"):
        train(recipe, tmp_path, device=CPU, report=ignore)


def test_cosine_distance_counts_only_the_taught() -> None:
    said = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]])
    taught = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    assert finetune.cosine_distance(said, taught).item() == pytest.approx(0.5)
    assert finetune.cosine_distance(said, torch.zeros(3, 2)).item() == 0
