from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_runs import built, first_batch, learn
from tiny_teachers import dinov3_teacher

from events.representations.voxel_image import VoxelImageSpec
from models.encoders import dinov3, hybrid
from models.model_file import load_model
from training.data import mixture
from training.data.batch import Batch
from training.methods.method import Method
from training.methods.scaleevent import Config, ScaleEvent, embedding_and_blocks
from training.optim import OptimizerConfig, build_optimizer
from training.recipe import Recipe, Stage

SIZE, PATCH, WIDTH = 32, 8, 32
ENCODER = dinov3.Config(
    width=WIDTH,
    depth=2,
    num_attention_heads=2,
    patch_size=PATCH,
    mlp_width=2 * WIDTH,
    num_registers=2,
    map_blocks=(0, 1),
)


@pytest.fixture(scope="module")
def teacher_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scaleevent") / "teacher"
    dinov3_teacher(folder, width=WIDTH)
    return folder


def make_recipe(teacher: Path, encoder: Any = ENCODER, **changes: Any) -> Recipe:
    return Recipe(
        name="test",
        stages=(Stage(steps=2, height=SIZE, width=SIZE, batch_size=2),),
        data=mixture.Config(with_images=True),
        method=Config(teacher=str(teacher), density_threshold=8, **changes),
        encoder=encoder,
        spec=VoxelImageSpec(),
        optimizer=OptimizerConfig(lr=1e-3, warmup_steps=1, schedule="exponential"),
        precision="fp32",
        num_workers=0,
    )


def make(teacher: Path, **changes: Any) -> ScaleEvent:
    recipe = make_recipe(teacher, **changes)
    method = built(recipe)
    assert isinstance(method, ScaleEvent)
    return method


@cache
def batch(num: int = 8) -> Batch:
    """Synthetic windows of varied density."""
    return first_batch(make_recipe(Path()), num)


def losses(method: Method, steps: int, lr: float, num: int = 8) -> list[float]:
    optimizer = build_optimizer(method.parameter_groups(), OptimizerConfig(lr=lr, weight_decay=0))
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]
    return learn(method, batch(num), optimizer, steps)


@pytest.mark.parametrize("form", ["paper", "code"])
def test_the_loss_is_the_paper_s_sum_over_active_patches(teacher_folder: Path, form: str) -> None:
    method = make(teacher_folder, form=form)
    output = method(batch())
    assert list(output.terms) == ["L_l1", "L_is", "L_cs"]
    l1, intra, cross = (output.terms[name].item() for name in output.terms)
    assert output.loss.item() == pytest.approx(l1 + 10 * intra + 4 * cross, rel=1e-6)

    pairs = batch().paired()
    student = method.module.encoder.tokens(batch().events)
    e = student.patches_BND.detach().double().numpy()
    i = method.teacher.tokens(pairs.images).patches_BND.double().numpy()
    cells = pairs.counts.double().numpy().reshape(len(e), 4, PATCH, 4, PATCH)
    m = (cells.sum((2, 4)) >= 8 / 4).reshape(len(e), -1, 1)  # a quarter of the patch of 16
    assert 0.1 < m.mean() < 1
    divisor = WIDTH if form == "code" else 1
    assert l1 == pytest.approx((np.abs(e - i) * m).sum(-1).mean() / divisor, rel=1e-5)
    if form == "code":
        e, i = (each / np.linalg.norm(each, axis=-1, keepdims=True) for each in (e, i))
    k, q = e * m, i * m
    ee, ie, ii = (a @ b.transpose(0, 2, 1) for a, b in ((k, k), (q, k), (q, q)))
    if form == "paper":
        expected = [np.abs(each - ii).sum(-1).mean() for each in (ee, ie.transpose(0, 2, 1))]
    else:
        counts = ii > 0.1
        expected = [
            np.square(np.maximum(each, 0) * counts - ii * counts).mean() for each in (ee, ie)
        ]
    assert [intra, cross] == pytest.approx(expected, rel=1e-5)


def test_the_mask_s_threshold_follows_the_patch_s_area(teacher_folder: Path) -> None:
    method = make(teacher_folder)
    counts = torch.zeros(1, SIZE, SIZE)
    counts[0, 0, 0], counts[0, 9, 9] = 2, 1
    tokens = method.module.encoder.tokens(torch.zeros(1, 3, SIZE, SIZE))
    active = method.active(counts, tokens)
    assert active.sum() == active[0, 0] == 1


def test_a_rendering_s_mask_is_of_patches_with_events_and_none_takes_all(
    teacher_folder: Path,
) -> None:
    counts = torch.zeros(1, SIZE, SIZE)
    counts[0, 10:15, 18:23] = 1
    tokens = make(teacher_folder).module.encoder.tokens(torch.zeros(1, 3, SIZE, SIZE))
    active = make(teacher_folder, mask="rendering").active(counts, tokens)
    assert active[0, 4 + 2]
    assert not active[0, 3 * 4 :].any()  # two patches away; those beside it see its rim
    assert make(teacher_folder, mask="none").active(counts, tokens).all()


def moved(method: Method) -> set[str]:
    method.train()(batch()).loss.backward()
    return {
        name
        for name, value in method.named_parameters()
        if value.grad is not None and value.grad.any()
    }


def test_gradient_reaches_the_patch_embedding_and_the_blocks_alone(teacher_folder: Path) -> None:
    method = make(teacher_folder)
    embedding, blocks = embedding_and_blocks(method.module.encoder)
    wanted = {id(value) for value in (*embedding, *blocks)}
    names = {name for name, value in method.named_parameters() if id(value) in wanted}
    assert moved(method) == names
    groups = method.parameter_groups()
    assert [group.lr_scale for group in groups] == [0.5, 1.0]
    assert {id(value) for group in groups for value in group.parameters} == wanted
    rest = {name for name, _ in method.named_parameters()} - names
    assert {name.rpartition("encoder.model.")[2] for name in rest} == {
        "embeddings.cls_token",
        "embeddings.register_tokens",
        "norm.weight",
        "norm.bias",
    }


def test_all_of_the_student_can_be_trained_and_nothing_of_the_teacher(teacher_folder: Path) -> None:
    method = make(teacher_folder, trained="all")
    assert moved(method) == {name for name, _ in method.named_parameters()}
    assert all(name.startswith("module.encoder.") for name in method.state_dict())


def test_eight_samples_are_learnt_by_heart(teacher_folder: Path) -> None:
    method = make(teacher_folder, trained="all", embedding_lr_scale=1.0)
    seen = losses(method, 250, lr=8e-3)
    assert seen[0] > 2
    assert seen[-1] < 0.15


def test_twenty_steps_are_those_of_before(teacher_folder: Path) -> None:
    seen = losses(make(teacher_folder), 20, lr=1e-3, num=4)
    assert seen[::5] == pytest.approx([2.7632654, 1.6826563, 1.4282711, 1.2466025], rel=1e-4)


@pytest.mark.parametrize(("width", "patch"), [(16, 8), (32, 16)])
def test_a_teacher_of_other_tokens_is_one_line(tmp_path: Path, width: int, patch: int) -> None:
    dinov3_teacher(tmp_path / "other", width=width, patch_size=patch)
    with pytest.raises(
        ValueError, match=rf"32 wide, one for 8 pixels.* {width} wide, one for {patch}"
    ):
        make(tmp_path / "other")


def test_an_encoder_without_blocks_is_told_how_to_train(teacher_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"no patch embedding and blocks.*method.trained all"):
        embedding_and_blocks(hybrid.Config().build(3))


def test_a_bare_encoder_is_written_and_its_tokens_are_drawn(
    teacher_folder: Path, tmp_path: Path
) -> None:
    method = make(teacher_folder).eval()
    path = method.write(tmp_path, method.trained(), {}, torch.float32)
    module, card = load_model(path)
    assert card.outputs == ("tokens",)
    torch.testing.assert_close(
        module(batch().events)["tokens"], method.module.encoder.tokens(batch().events).map
    )
    shown = method.pictures(batch())
    assert {tuple(picture.shape) for picture in shown.values()} == {(3, SIZE, SIZE)}


def test_pictures_are_asked_for_in_one_line(teacher_folder: Path) -> None:
    with pytest.raises(ValueError, match="with-images"):
        make(teacher_folder)(replace(batch(), pairs=None))
