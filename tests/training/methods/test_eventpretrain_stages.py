from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_eventpretrain import ENCODER, SIZE, TINY, make_method, train
from tiny_teachers import dinov3_teacher
from torch import Tensor

from events.representations.voxel_grid import VoxelGridSpec
from models.encoders import hybrid, vit
from models.model_file import load_model
from models.perception import Perception
from training.data import mixture
from training.methods.eventpretrain import Config
from training.methods.method import Method
from training.recipe import Recipe, Stage


def test_the_focus_goes_on_with_the_heads_of_the_transition(tmp_path: Path) -> None:
    transition = make_method("transition")
    train(transition, 2, 1e-2)
    path = transition.write(tmp_path, transition.trained(), {"recipe": "tiny"}, torch.float32)
    module, card = load_model(path)
    assert card.tasks == ()
    assert isinstance(module, Perception)
    focus = make_method("focus", initial_heads=tmp_path / "heads.safetensors")
    for name, value in transition.trained().state_dict().items():
        if not name.startswith("module."):
            assert torch.equal(focus.trained().state_dict()[name], value)
    with pytest.raises(ValueError, match="does not fit the heads"):
        make_method("focus", hidden_width=8, initial_heads=tmp_path / "heads.safetensors")
    with pytest.raises(ValueError, match=r"no file .*stage II writes one"):
        make_method("focus", initial_heads=tmp_path / "none.safetensors")


def test_the_focus_goes_on_with_the_queue_of_the_transition_or_starts_it_anew(
    tmp_path: Path,
) -> None:
    transition = make_method("transition")
    train(transition, 2, 1e-2)
    transition.write(tmp_path, transition.trained(), {"recipe": "tiny"}, torch.float32)
    path = tmp_path / "heads.safetensors"
    assert transition.queue.next_slot > 0
    focus = make_method("focus", initial_heads=path)
    assert torch.equal(focus.queue.keys_NKD, transition.queue.keys_NKD)
    assert torch.equal(focus.queue.next_slot, transition.queue.next_slot)
    anew = make_method("focus", initial_heads=path, carry_queue=False, queue_length=3)
    assert anew.queue.keys_NKD.shape[1] == 3
    assert anew.queue.next_slot == 0
    make_method("focus", initial_heads=path, negatives="batch")
    with pytest.raises(ValueError, match=r"queue.keys_NKD.*--method.carry-queue False starts"):
        make_method("focus", initial_heads=path, queue_length=3)


def make_recipe(method: Config, **changes: Any) -> Recipe:
    recipe = Recipe(
        name="tiny",
        stages=(Stage(steps=1, height=SIZE, width=SIZE, batch_size=2),),
        data=mixture.Config(shares={"synthetic": 1.0}),
        method=method,
        encoder=ENCODER,
        spec=VoxelGridSpec(placement="closed"),
    )
    return replace(recipe, **changes)


def build(method: Config, **changes: Any) -> Method:
    recipe = make_recipe(method, **changes)
    return method.build(recipe, recipe.data.build(recipe))


def test_each_stage_starts_from_the_files_of_the_one_before(tmp_path: Path) -> None:
    dinov3_teacher(tmp_path / "teacher")
    later = replace(TINY, teacher=str(tmp_path / "teacher"))
    methods = (
        replace(TINY, stage="reconstruction"),
        replace(later, stage="transition"),
        replace(later, stage="focus", initial_heads=tmp_path / "heads.safetensors"),
    )
    start = None
    before: dict[str, Tensor] = {}
    for config in methods:
        method = build(config, initial=start)
        encoder = method.module.encoder
        assert isinstance(encoder, vit.VisionTransformer)
        for name, value in before.items():
            torch.testing.assert_close(encoder.state_dict()[name], value)
        train(method, 1, 1e-2)
        before = {name: value.clone() for name, value in encoder.state_dict().items()}
        start = str(method.write(tmp_path, method.trained(), {}, torch.float32))


@pytest.mark.parametrize(
    ("method", "changes", "message"),
    [
        (
            TINY,
            {
                "encoder": hybrid.Config(),
                "stages": (Stage(steps=1, height=32, width=32, batch_size=2),),
            },
            "choose the encoder vit, conv_vit or swin",
        ),
        (TINY, {"spec": VoxelGridSpec()}, "set --method.view.time-flip 0"),
        (replace(TINY, stage="focus"), {}, "needs --method.teacher: a hub name or a folder"),
        (
            replace(TINY, stage="focus", teacher="x"),
            {
                "stages": (
                    Stage(steps=1, height=16, width=16, batch_size=2),
                    Stage(steps=1, height=32, width=32, batch_size=2),
                )
            },
            "one grid of positions: give all stages one size",
        ),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(
    method: Config, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(method, **changes)
