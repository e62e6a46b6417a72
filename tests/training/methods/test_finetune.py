from __future__ import annotations

from pathlib import Path

from dataset_layouts import LAYOUTS

from models.encoders import vit
from training.data import mixture
from training.data.batch import Batch
from training.data.feed import batches
from training.methods import finetune
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
