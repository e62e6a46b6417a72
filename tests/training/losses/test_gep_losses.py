from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from training.losses.gradient_balance import gradient_balance
from training.losses.next_token import next_token
from training.losses.pooled_info_nce import Projector, pooled_info_nce
from training.losses.token_regression import token_cosine, token_kld, token_mse

B, N, D = 5, 7, 12


@pytest.fixture
def tokens() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    event, image = (torch.randn(B, N, D, generator=generator) for _ in range(2))
    return event, image


def exact(tensor: Tensor) -> np.ndarray:
    return tensor.detach().numpy().astype(np.float64)


def norm(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / powers.sum(-1, keepdims=True)


def test_the_cosine_term_is_one_minus_the_mean_cosine_of_tokens(
    tokens: tuple[Tensor, Tensor],
) -> None:
    event, image = map(exact, tokens)
    expected = 1 - (norm(event) * norm(image)).sum(-1).mean()
    assert token_cosine(*tokens).item() == pytest.approx(expected, abs=1e-5)
    assert token_cosine(tokens[1], 3 * tokens[1]).item() == pytest.approx(0, abs=1e-6)


def test_the_squared_error_is_the_mean_over_every_channel(tokens: tuple[Tensor, Tensor]) -> None:
    event, image = map(exact, tokens)
    assert token_mse(*tokens).item() == pytest.approx(((event - image) ** 2).mean(), abs=1e-5)


def test_the_divergence_is_that_of_the_image_s_channels_from_the_event_s(
    tokens: tuple[Tensor, Tensor],
) -> None:
    event, image = (softmax(norm(exact(each)) / 2) for each in tokens)
    expected = 4 * (image * np.log(image / event)).sum(-1).mean()
    assert token_kld(*tokens).item() == pytest.approx(expected, abs=1e-5)


def test_the_contrast_is_info_nce_of_pooled_tokens_with_each_window_s_temperature(
    tokens: tuple[Tensor, Tensor],
) -> None:
    torch.manual_seed(0)
    project = Projector(D)
    temperature = torch.tensor([0.2, 0.5, 0.2, 0.5, 0.3])
    said = pooled_info_nce(project(tokens[0]), tokens[1], temperature)

    event, image = map(exact, tokens)
    (w1, b1, w2, b2) = (exact(value) for value in project.parameters())
    projected = np.maximum(event @ w1.T + b1, 0) @ w2.T + b2
    query, key = norm(projected.mean(1)), norm(image.mean(1))
    loss = 0.0
    for b in range(B):
        powers = np.exp(query[b] @ key.T / float(temperature[b]))
        loss -= np.log(powers[b] / powers.sum()) / B
    assert w1.shape == (4 * D, D)
    assert said.item() == pytest.approx(loss, abs=1e-5)


def test_balanced_terms_pull_at_the_features_with_the_ratio_of_the_base(
    tokens: tuple[Tensor, Tensor],
) -> None:
    event, image = tokens[0].requires_grad_(), tokens[1]
    base, other = token_mse(event, image), token_cosine(event, image)
    factor = gradient_balance(base, {"cos": other}, event, 0.1)["cos"]

    e, i = exact(event), exact(image)
    of_mse = 2 * (e - i) / e.size
    length = np.linalg.norm(e, axis=-1, keepdims=True)
    along = (norm(e) * norm(i)).sum(-1, keepdims=True)
    of_cosine = -(norm(i) - along * norm(e)) / length / (B * N)
    expected = 0.1 * np.linalg.norm(of_mse) / np.linalg.norm(of_cosine)
    assert factor.item() == pytest.approx(expected, rel=1e-5)
    assert not factor.requires_grad


def test_a_term_that_the_features_do_not_move_keeps_its_weight() -> None:
    event, elsewhere = (torch.randn(2, 3, 4).requires_grad_() for _ in range(2))
    base = token_mse(event, torch.zeros(2, 3, 4))
    others = {"patch": token_mse(elsewhere, event.detach()), "flat": (0 * event).sum()}
    assert gradient_balance(base, others, event, 0.1) == {"patch": 1.0, "flat": 1.0}
    with torch.no_grad():
        assert gradient_balance(base, {"patch": base}, event.detach(), 0.1) == {"patch": 1.0}


def test_the_next_token_s_error_is_squared_and_its_target_is_fixed(
    tokens: tuple[Tensor, Tensor],
) -> None:
    said, following = (each.requires_grad_() for each in tokens)
    loss = next_token(said, following)
    loss.backward()
    assert loss.item() == pytest.approx(((exact(said) - exact(following)) ** 2).mean(), abs=1e-5)
    assert said.grad is not None
    assert following.grad is None
