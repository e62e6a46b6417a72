from __future__ import annotations

import numpy as np
import torch

from training.losses.feature_distance import FeatureHead
from training.losses.known_labels import (
    accuracy_of_known,
    cross_entropy_of_known,
    labels_of_patches,
)
from training.losses.self_distillation import (
    STUDENT_TEMPERATURE,
    TEACHER_TEMPERATURE,
    self_distillation,
)


def softmax(values: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(values - values.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def test_self_distillation_is_the_cross_entropy_under_the_balanced_teacher() -> None:
    rng = np.random.default_rng(0)
    student, teacher = rng.uniform(-1, 1, (2, 6, 9))
    balanced = np.exp(teacher / TEACHER_TEMPERATURE)
    for _ in range(3):
        balanced /= balanced.sum(0, keepdims=True)
        balanced /= balanced.sum(1, keepdims=True)
    said = np.log(softmax(student / STUDENT_TEMPERATURE, 1))
    expected = -(balanced * said).sum(1).mean()
    loss = self_distillation(torch.from_numpy(student), torch.from_numpy(teacher))
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-5)


def test_no_gradient_reaches_the_teacher() -> None:
    student, teacher = (torch.randn(4, 5, requires_grad=True) for _ in range(2))
    self_distillation(student, teacher).backward()
    assert student.grad is not None
    assert teacher.grad is None


def test_a_head_that_says_the_features_is_at_distance_zero() -> None:
    head = FeatureHead(6, 6)
    with torch.no_grad():
        head.weight.copy_(2 * torch.eye(6))
        head.bias.zero_()
    tokens = torch.randn(2, 6, 7, 7, generator=torch.Generator().manual_seed(0))
    assert head.distance(tokens, tokens).item() < 1e-6
    torch.testing.assert_close(head.distance(tokens, -tokens).item(), 2.0)


def test_other_grids_are_brought_to_the_taught_one() -> None:
    head = FeatureHead(3, 5)
    assert head.distance(torch.randn(2, 3, 8, 8), torch.randn(2, 5, 7, 7)).ndim == 0


def test_only_what_has_a_label_counts() -> None:
    logits = torch.tensor([[2.0, 0.0], [5.0, -5.0]])
    expected = float(np.log(1 + np.exp(-2.0)))
    loss = cross_entropy_of_known(logits, torch.tensor([0, -1]))
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-5)
    assert cross_entropy_of_known(logits, torch.tensor([-1, -1])).item() == 0
    assert accuracy_of_known(logits, torch.tensor([0, -1])).item() == 1
    assert accuracy_of_known(logits, torch.tensor([0, 1])).item() == 0.5
    assert accuracy_of_known(logits, torch.tensor([-1, -1])).item() == 0


def test_a_patch_has_the_class_in_its_middle() -> None:
    class_ids = torch.full((1, 8, 8), 255, dtype=torch.uint8)
    class_ids[0, 6, 2] = 4
    expected = torch.tensor([[[-1, -1], [4, -1]]])
    assert torch.equal(labels_of_patches(class_ids, 4, 255), expected)
