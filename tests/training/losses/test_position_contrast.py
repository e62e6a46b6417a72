from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from training.losses.position_contrast import (
    PositionQueue,
    batch_contrast,
    normalized,
    queue_contrast,
)

B, N, K, D = 4, 3, 6, 5
TEMPERATURE = 0.07
Array = npt.NDArray[np.float64]


def unit(values: Array) -> Array:
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def draw() -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(0)
    said, taught = rng.standard_normal((2, B, N, D))
    return said, taught, unit(rng.standard_normal((N, K, D)))


def as_float(values: Array) -> torch.Tensor:
    return torch.from_numpy(values).float()


def test_against_a_queue_the_loss_is_the_paper_s() -> None:
    said, taught, queue = draw()
    q, k = unit(said), unit(taught)
    losses = []
    for b in range(B):
        for n in range(N):
            positive = np.exp(q[b, n] @ k[b, n] / TEMPERATURE)
            negative = sum(np.exp(q[b, n] @ key / TEMPERATURE) for key in queue[n])
            losses.append(-np.log(positive / (positive + negative)))
    loss, _ = queue_contrast(as_float(said), as_float(taught), as_float(queue), TEMPERATURE)
    np.testing.assert_allclose(loss.item(), np.mean(losses), rtol=1e-5)


def test_against_the_batch_the_loss_is_the_paper_s() -> None:
    said, taught, _ = draw()
    q, k = unit(said), unit(taught)
    losses = []
    for b in range(B):
        for n in range(N):
            scores = np.array([np.exp(q[b, n] @ k[other, n] / TEMPERATURE) for other in range(B)])
            losses.append(-np.log(scores[b] / scores.sum()))
    loss, _ = batch_contrast(as_float(said), as_float(taught), TEMPERATURE)
    np.testing.assert_allclose(loss.item(), np.mean(losses), rtol=1e-5)


def test_both_sides_learn_and_the_queue_does_not() -> None:
    said, taught, queue = (as_float(each).requires_grad_() for each in draw())
    loss, _ = queue_contrast(said, taught, queue, TEMPERATURE)
    loss.backward()
    assert said.grad is not None
    assert taught.grad is not None
    assert queue.grad is None


def test_positions_whose_own_key_is_nearest_are_counted() -> None:
    _, taught, queue = draw()
    assert queue_contrast(as_float(taught), as_float(taught), as_float(queue), 0.07)[1] == 1
    assert queue_contrast(as_float(-taught), as_float(taught), as_float(queue), 0.07)[1] == 0
    assert batch_contrast(as_float(taught), as_float(taught), 0.07)[1] == 1


def test_the_queue_forgets_the_oldest_keys_first() -> None:
    queue = PositionQueue(num_positions=2, length=4, width=3)
    first = queue.keys_NKD.clone()
    batches = [normalized(torch.randn(3, 2, 3)) for _ in range(2)]
    queue.push(batches[0])
    assert torch.equal(queue.keys_NKD[:, :3], batches[0].transpose(0, 1))
    assert torch.equal(queue.keys_NKD[:, 3], first[:, 3])
    queue.push(batches[1])
    assert torch.equal(queue.keys_NKD[:, 3], batches[1][0])
    assert torch.equal(queue.keys_NKD[:, :2], batches[1][1:].transpose(0, 1))
    assert torch.equal(queue.keys_NKD[:, 2], batches[0][2])


def test_of_more_keys_than_fit_the_last_stay() -> None:
    queue = PositionQueue(num_positions=2, length=4, width=3)
    keys = normalized(torch.randn(7, 2, 3))
    queue.push(keys)
    assert torch.equal(queue.keys_NKD, keys[3:].transpose(0, 1))


def test_a_checkpoint_brings_the_queue_back() -> None:
    queue = PositionQueue(num_positions=2, length=4, width=3)
    queue.push(normalized(torch.randn(3, 2, 3)))
    again = PositionQueue(num_positions=2, length=4, width=3)
    again.load_state_dict(queue.state_dict())
    keys = normalized(torch.randn(3, 2, 3))
    for each in (queue, again):
        each.push(keys)
    assert torch.equal(again.keys_NKD, queue.keys_NKD)
