from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_eventpretrain import AS_IT_IS, SIZE, SmallTeacher, make_batch, make_method, train
from torch import Tensor

from training.augmentation import ViewConfig
from training.data.batch import Batch
from training.difference_map import difference_map
from training.methods.eventpretrain import Config, TokenContrast

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
