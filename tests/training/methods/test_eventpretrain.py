from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_teachers import dinov3_teacher
from torch import Tensor

from events.representations.voxel_grid import VoxelGridSpec
from models.card import ModelCard
from models.encoders import hybrid, vit
from models.encoders.encoder import Tokens
from models.heads.head import Targets
from models.model_file import load_model
from models.perception import Perception, describe_encoder
from models.reconstruction import DecoderConfig
from models.teachers.teacher import Teacher
from training.augmentation import ViewConfig
from training.data import mixture
from training.data.batch import Batch, Pairs
from training.methods.eventpretrain import (
    Config,
    DifferenceModelling,
    TokenContrast,
    difference_map,
)
from training.methods.method import Method
from training.recipe import Recipe, Stage

ENCODER = vit.Config(width=32, depth=4, num_attention_heads=4, patch_size=8)
SIZE, SAMPLES = 16, 8
AS_IT_IS = ViewConfig(min_area=1, flip=0, time_flip=0)
TINY = Config(
    decoder=DecoderConfig(width=32, depth=1, num_attention_heads=4),
    hidden_width=48,
    queue_length=24,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are computed faster by one thread, on a busy machine by far."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


class SmallTeacher(Teacher):
    """A frozen vision transformer of random weights, which notes what it was shown."""

    name, width, patch_stride, fingerprint = "small", 16, 8, "small"

    def __init__(self) -> None:
        torch.manual_seed(7)
        self.network = vit.Config(width=16, depth=4, num_attention_heads=2, patch_size=8).build(3)
        self.shown: list[Tensor] = []

    @torch.no_grad()
    def tokens(self, images_B3HW: Tensor) -> Tokens:
        self.shown.append(images_B3HW)
        return self.network.tokens(images_B3HW)


def make_batch(size: int = SIZE, num_samples: int = SAMPLES) -> Batch:
    generator = torch.Generator().manual_seed(3)
    shape = (num_samples, 3, size, size)
    return Batch(
        events=torch.randn(num_samples, 5, size, size, generator=generator),
        targets=Targets(
            recognition=torch.zeros(num_samples),
            segmentation=torch.zeros(num_samples),
            depth_m=torch.zeros(num_samples),
        ),
        embedding=torch.zeros(num_samples, 0),
        dataset=torch.zeros(num_samples, dtype=torch.int64),
        names=("random",) * num_samples,
        pairs=Pairs(
            torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),
            torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),
            torch.zeros(num_samples, size, size),
        ),
    )


def make_method(stage: str, **changes: Any) -> Method:
    torch.manual_seed(0)
    config = replace(TINY, stage=stage, **changes)
    card = ModelCard(
        name="tiny",
        spec=VoxelGridSpec(placement="closed"),
        window_us=50_000,
        stride_us=20_000,
        input_height=SIZE,
        input_width=SIZE,
        tasks=(),
        encoder=describe_encoder(ENCODER),
    )
    module = Perception(card)
    if stage == "reconstruction":
        return DifferenceModelling(config, module, card)
    return TokenContrast(config, module, card, SmallTeacher())


def train(method: Method, num_steps: int, lr: float) -> list[float]:
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr)
    batch, losses = make_batch(), []
    for step in range(num_steps):
        output = method(batch)
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
        method.after_step(step)
        losses.append(output.loss.item())
    return losses


STAGES = ("reconstruction", "transition", "focus")


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_logs_its_one_term(stage: str) -> None:
    output = make_method(stage)(make_batch())
    (term,) = output.terms.values()
    assert torch.equal(term, output.loss)
    assert torch.isfinite(output.loss)


@pytest.mark.parametrize(
    ("stage", "trained"),
    [
        ("reconstruction", ("module.encoder.", "reconstruction.")),
        (
            "transition",
            (
                "student.module.encoder.norm.",
                "student.projector.",
                "student.predictor.",
                "student.teacher.",
            ),
        ),
        ("focus", ("student.",)),
    ],
)
def test_gradient_reaches_exactly_what_the_stage_trains(
    stage: str, trained: tuple[str, ...]
) -> None:
    method = make_method(stage)
    method(make_batch()).loss.backward()
    reached = {
        name
        for name, value in method.named_parameters()
        if value.grad is not None and value.grad.abs().sum() > 0
    }
    assert reached == {name for name, _ in method.named_parameters() if name.startswith(trained)}
    grouped = [id(v) for group in method.parameter_groups() for v in group.parameters]
    assert sorted(grouped) == sorted(id(value) for value in method.parameters())


@pytest.mark.parametrize("stage", ["transition", "focus"])
def test_the_teacher_is_no_part_of_a_checkpoint(stage: str) -> None:
    method = make_method(stage)
    assert not any("network" in name for name in method.state_dict())
    assert "queue.keys_NKD" in method.state_dict()


@pytest.mark.parametrize(
    ("stage", "num_steps"), [("reconstruction", 250), ("transition", 150), ("focus", 60)]
)
def test_it_learns_eight_samples_by_heart(stage: str, num_steps: int) -> None:
    method = make_method(stage, view=AS_IT_IS, mask="density", negatives="batch")
    losses = train(method, num_steps, 3e-3)
    assert losses[0] > 1
    assert losses[-1] < 0.05


def test_against_a_queue_of_its_own_keys_a_sample_s_key_is_still_ranked_first() -> None:
    method = make_method("focus", view=AS_IT_IS)
    assert method(make_batch()).metrics["ranked_first"] < 0.5
    losses = train(method, 60, 3e-3)
    # Three of the 24 keys in the queue are the sample's own, of the steps before.
    assert losses[-1] < np.log(1 + 3) + 0.2
    assert method(make_batch()).metrics["ranked_first"] > 0.9


GUARD = {
    "reconstruction": (1.600751, 1.172755, 1.035266),
    "transition": (5.729522, 3.400210, 3.242528),
    "focus": (5.729522, 3.457557, 3.168363),
}
"""Losses of steps 1, 10 and 20 with the published views and masks."""


@pytest.mark.parametrize("stage", STAGES)
def test_twenty_fixed_steps_give_the_losses_they_gave(stage: str) -> None:
    losses = train(make_method(stage), 20, 1e-3)
    np.testing.assert_allclose([losses[0], losses[9], losses[19]], GUARD[stage], rtol=1e-4)


def test_the_difference_is_of_greys_at_the_end_and_the_start() -> None:
    pairs = make_batch().paired()
    end, start = (
        sum(weight * image[:, i].double().numpy() for i, weight in enumerate((0.299, 0.587, 0.114)))
        for image in (pairs.images, pairs.previous)
    )
    linear = difference_map(pairs, "linear")[:, 0].numpy()
    np.testing.assert_allclose(linear, (end - start) / 255, atol=1e-6)
    log = difference_map(pairs, "log")[:, 0].numpy()
    np.testing.assert_allclose(log, np.log(1 + end) - np.log(1 + start), atol=1e-5)


def shown_to_teacher(**changes: Any) -> tuple[Tensor, Batch]:
    method = make_method("focus", **changes)
    assert isinstance(method, TokenContrast)
    assert isinstance(method.teacher, SmallTeacher)
    batch = make_batch()
    method(batch)
    return method.teacher.shown[-1], batch


def test_the_teacher_sees_the_events_own_flip_and_the_end_of_reversed_time() -> None:
    mirrored = replace(AS_IT_IS, flip=1)
    shown, batch = shown_to_teacher(view=mirrored)
    expected = batch.paired().images.flip(3) / 255
    torch.testing.assert_close(shown, expected, atol=1e-5, rtol=0)
    shown, batch = shown_to_teacher(view=replace(AS_IT_IS, time_flip=1))
    torch.testing.assert_close(shown, batch.paired().previous / 255, atol=1e-5, rtol=0)


def test_the_release_s_teacher_sees_the_whole_picture_whatever_the_view() -> None:
    view = ViewConfig(flip=1, time_flip=1)
    shown, batch = shown_to_teacher(view=view, pairing="still")
    torch.testing.assert_close(shown, batch.paired().images / 255)


def test_several_teacher_patches_are_joined_for_one_of_the_student_s() -> None:
    shown, _ = shown_to_teacher(teacher_cells=2)
    assert shown.shape[2:] == (2 * SIZE, 2 * SIZE)


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
        (TINY, {"encoder": hybrid.Config()}, "choose the encoder vit, conv_vit or swin"),
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


def test_deep_layers_learn_faster_in_the_focus() -> None:
    scales = [group.lr_scale for group in make_method("focus").parameter_groups()]
    np.testing.assert_allclose(scales, [0.75**4, 0.75**3, 0.75**2, 0.75, 1, 1])
    assert [group.lr_scale for group in make_method("transition").parameter_groups()] == [1]


def test_pictures_show_a_batch_and_leave_the_random_numbers_alone() -> None:
    method = make_method("reconstruction")
    before = torch.get_rng_state()
    (picture,) = method.pictures(make_batch()).values()
    assert torch.equal(torch.get_rng_state(), before)
    assert picture.shape == (3, SIZE, 3 * SIZE)
    assert picture.min() >= 0
    assert picture.max() <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask_ratio": 1.0}, "mask_ratio must lie between 0 and 1, got 1.0"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"queue_length": 0}, "queue_length must be at least 1, got 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**changes)


def test_visible_patches_count_where_they_are_told_to() -> None:
    hidden, batch = make_method("reconstruction"), make_batch()
    both = make_method("reconstruction", visible_weight=0.5)
    both.load_state_dict(hidden.state_dict())
    outputs = []
    for method in (hidden, both):
        torch.manual_seed(3)
        outputs.append(method(batch))
    assert set(outputs[0].terms) == {"reconstruction"}
    terms = outputs[1].terms
    assert terms["reconstruction"].item() == pytest.approx(outputs[0].loss.item())
    expected = terms["reconstruction"] + 0.5 * terms["visible"]
    assert outputs[1].loss.item() == pytest.approx(expected.item())
    assert terms["visible"].item() != pytest.approx(terms["reconstruction"].item())
