from __future__ import annotations

from pathlib import Path

import pytest
import torch
from dataset_layouts import LAYOUTS

from models.encoders import hybrid, vit
from training.data import mixture, streams
from training.data.batch import Batch
from training.data.feed import DataConfig, batches
from training.methods import finetune, finetune_stream
from training.methods.method import MethodConfig
from training.recipe import Recipe, Stage


def test_a_data_set_labelled_as_a_whole_alone_is_learnt_without_segmentation(
    tmp_path: Path,
) -> None:
    LAYOUTS["n_cars"].write(tmp_path)
    stage = Stage(steps=1, height=32, width=32, batch_size=2)
    recipe = Recipe(
        name="test",
        stages=(stage,),
        data=mixture.Config(shares={"n_cars": 1.0}, root=tmp_path),
        method=finetune.Config(),
        encoder=vit.Config(width=32, depth=4, num_attention_heads=2, patch_size=8),
    )
    feed = recipe.data.build(recipe)
    method = recipe.method.build(recipe, feed)
    assert method.card.tasks == ("recognition", "depth")
    (delivery,) = batches(feed, stage, first=0, num_batches=1, num_workers=0)
    assert isinstance(delivery.batch, Batch)
    output = method(delivery.batch)
    assert set(output.terms) == {"recognition", "depth"}
    assert output.terms["recognition"] > 0


@pytest.mark.parametrize(
    ("method", "data"),
    [
        (finetune.Config(encoder_lr_scale=0), mixture.Config()),
        (finetune_stream.Config(encoder_lr_scale=0), streams.Config(num_windows=2)),
    ],
)
def test_a_frozen_encoder_runs_and_ends_as_it_began(method: MethodConfig, data: DataConfig) -> None:
    stage = Stage(steps=1, height=32, width=64, batch_size=2)
    recipe = Recipe(
        name="test",
        stages=(stage,),
        data=data,
        method=method,
        encoder=hybrid.Config(
            widths=(8, 8, 8, 16), depths=(1, 1, 1, 1), stem_width=8, num_attention_heads=2,
            drop_path=0.5,
        ),
    )  # fmt: skip
    torch.manual_seed(0)
    feed = recipe.data.build(recipe)
    made = recipe.method.build(recipe, feed)
    made.parameter_groups()
    encoder = made.trained().encoder
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    (delivery,) = batches(feed, stage, first=0, num_batches=1, num_workers=0)
    made.train()(delivery.batch)
    assert all(value.equal(before[name]) for name, value in encoder.state_dict().items())
    assert not any(part.training for part in encoder.modules())
