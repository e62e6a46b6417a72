from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from training.losses.clip_contrast import clip_contrast
from training.losses.sinkhorn import log_sinkhorn
from training.losses.sinkhorn_kl import sinkhorn_kl
from training.losses.text_prediction import text_prediction
from training.losses.zscl import zscl

Array = npt.NDArray[np.float64]


def random_embeddings(*rows: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(num, 9, generator=generator) for num in rows]


def doubles(*tensors: Tensor) -> list[Array]:
    return [tensor.detach().numpy().astype(np.float64) for tensor in tensors]


def unit(rows: Array) -> Array:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def softmax(rows: Array) -> Array:
    exponential = np.exp(rows - rows.max(1, keepdims=True))
    return exponential / exponential.sum(1, keepdims=True)


def slope(function: Callable[[Array], float], at: Array) -> Array:
    """The gradient by central differences."""
    step = np.zeros_like(at)
    gradient = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        step[index] = 1e-6
        gradient[index] = (function(at + step) - function(at - step)) / 2e-6
        step[index] = 0
    return gradient


def expected_contrast(image: Array, event: Array) -> float:
    said = softmax(unit(image) @ unit(event).T / 0.02)
    return float(2 * 0.02 * -np.log(np.diag(said)).mean())


def test_the_contrast_is_the_equation() -> None:
    image, event = random_embeddings(6, 6)
    expected = expected_contrast(*doubles(image, event))
    assert clip_contrast(image, event).item() == pytest.approx(expected, rel=1e-5)
    assert clip_contrast(image, event, flow="none").item() == pytest.approx(expected, rel=1e-5)


def test_the_contrast_teaches_the_events_unless_it_is_the_release_s() -> None:
    image, event = random_embeddings(6, 6)
    event.requires_grad_()
    clip_contrast(image, event).backward()
    assert event.grad is not None
    assert event.grad.abs().sum() > 0
    assert not clip_contrast(image, event, flow="none").requires_grad


def expected_sinkhorn(similarity: Array) -> Array:
    balanced = np.exp(similarity)
    for _ in range(3):
        balanced = balanced / balanced.sum(0, keepdims=True)
        balanced = balanced / balanced.sum(1, keepdims=True)
    return balanced


@pytest.mark.parametrize("temperature", [0.01, 0.1])
def test_the_sinkhorn_divergence_is_the_equation(temperature: float) -> None:
    image, event = random_embeddings(6, 6)
    expected = expected_kl(*doubles(image, event), temperature)
    actual = sinkhorn_kl(image, event, temperature=temperature).item()
    assert actual == pytest.approx(expected, rel=1e-5)


def test_balanced_rows_sum_to_one_where_exp_would_overflow() -> None:
    image = unit_rows(random_embeddings(7)[0])
    rows = log_sinkhorn(image @ image.T / 0.01).exp().sum(1)
    torch.testing.assert_close(rows, torch.ones(7))
    assert torch.exp(torch.tensor(1 / 0.01)).isinf()


def unit_rows(rows: Tensor) -> Tensor:
    return torch.nn.functional.normalize(rows, dim=-1)


def test_the_sinkhorn_divergence_teaches_only_the_events() -> None:
    image, event = (each.requires_grad_() for each in random_embeddings(6, 6))
    with torch.no_grad():
        frozen = image.clone()
    sinkhorn_kl(frozen, event).backward()
    assert event.grad is not None
    assert torch.isfinite(event.grad).all()
    assert event.grad.abs().sum() > 0


def expected_kl(image: Array, event: Array, temperature: float) -> float:
    q, k = unit(image), unit(event)
    truth = expected_sinkhorn(q @ q.T / temperature)
    said = np.log(softmax(q @ k.T / temperature))
    return float((truth * (np.log(truth) - said)).sum() / len(q))


def expected_distillation(a: Array, b: Array) -> float:
    return float(-(softmax(a / 2) * np.log(softmax(b / 2))).sum(1).mean() * 4)


def expected_zscl(image: Array, event: Array, text: Array, scale: float) -> float:
    r, c = scale * image @ text.T, scale * event @ text.T
    return expected_distillation(r, c) + expected_distillation(c.T, r.T)


def test_zscl_is_the_equation() -> None:
    image, event, text = random_embeddings(4, 4, 7)
    expected = expected_zscl(*doubles(image, event, text), 1.7)
    assert zscl(image, event, text, torch.tensor(1.7)).item() == pytest.approx(expected, rel=1e-5)


def test_gradients_are_those_of_the_equations() -> None:
    image, event, text = random_embeddings(4, 4, 7)
    q, k, t = doubles(image, event, text)
    event.requires_grad_()
    pairs: list[tuple[Tensor, Callable[[Array], float]]] = [
        (clip_contrast(image, event), lambda k: expected_contrast(q, k)),
        (sinkhorn_kl(image, event), lambda k: expected_kl(q, k, 0.01)),
        (zscl(image, event, text, torch.tensor(1.7)), lambda k: expected_zscl(q, k, t, 1.7)),
    ]
    for loss, expected in pairs:
        (said,) = torch.autograd.grad(loss, event)
        np.testing.assert_allclose(said.numpy(), slope(expected, k), rtol=1e-3, atol=1e-4)


def test_zscl_teaches_the_scale_as_well() -> None:
    image, event, text = random_embeddings(4, 4, 7)
    q, k, t = doubles(image, event, text)
    scale = torch.tensor(1.7, requires_grad=True)
    zscl(image, event, text, scale).backward()
    assert scale.grad is not None
    expected = slope(lambda s: expected_zscl(q, k, t, float(s[0])), np.array([1.7]))
    assert scale.grad.item() == pytest.approx(expected[0], rel=1e-4)


def test_the_prediction_counts_known_labels_alone() -> None:
    event, text = random_embeddings(4, 3)
    labels = torch.tensor([2, -1, 0, 2])
    k, t = (unit(each) for each in doubles(event, text))
    expected = np.mean([1 - k[b] @ t[label] for b, label in ((0, 2), (2, 0), (3, 2))])
    assert text_prediction(event, text, labels).item() == pytest.approx(expected, rel=1e-5)
    assert text_prediction(event, text, labels * 0 - 1).item() == 0
