from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from training.losses.masked_l1 import Form, masked_l1
from training.losses.token_similarity import Structure, token_similarity

Array = npt.NDArray[np.float64]
FORMS: tuple[Form, ...] = ("paper", "code")


def random_tokens(batch: int, num: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    image = torch.randn(batch, num, width, generator=generator)
    event = 0.5 * image + torch.randn(batch, num, width, generator=generator)
    active = (torch.rand(batch, num, generator=generator) < 0.7).float()
    return event, image, active


def doubles(*tensors: Tensor) -> list[Array]:
    return [tensor.detach().numpy().astype(np.float64) for tensor in tensors]


def expected_l1(event: Array, image: Array, active: Array, form: Form) -> float:
    total = 0.0
    for b in range(len(event)):
        for n in range(event.shape[1]):
            if active[b, n]:
                total += float(np.abs(event[b, n] - image[b, n]).sum())
    entries = active.size * (1 if form == "paper" else event.shape[2])
    return total / entries


def expected_structure(
    event: Array, image: Array, active: Array, form: Form
) -> tuple[float, float]:
    intra, cross = [], []
    for e, i, m in zip(event, image, active, strict=True):
        if form == "paper":
            k, q = e * m[:, None], i * m[:, None]
            intra.append(np.abs(k @ k.T - q @ q.T).sum(1).mean())
            cross.append(np.abs(k @ q.T - q @ q.T).sum(1).mean())
            continue
        b = e / np.linalg.norm(e, axis=1, keepdims=True) * m[:, None]
        a = i / np.linalg.norm(i, axis=1, keepdims=True) * m[:, None]
        s_ii, s_ee, s_ie = (np.maximum(s, 0) for s in (a @ a.T, b @ b.T, a @ b.T))
        for s in (s_ee, s_ie, s_ii):
            s[a @ a.T <= 0.1] = 0
        intra.append(np.square(s_ee - s_ii).mean())
        cross.append(np.square(s_ie - s_ii).mean())
    return float(np.mean(intra)), float(np.mean(cross))


@pytest.mark.parametrize("form", FORMS)
def test_masked_l1_is_the_equation(form: Form) -> None:
    tokens = random_tokens(2, 11, 6)
    expected = expected_l1(*doubles(*tokens), form)
    assert masked_l1(*tokens, form=form).item() == pytest.approx(expected, rel=1e-5)


def test_masked_l1_of_nothing_active_is_zero() -> None:
    event, image, active = random_tokens(2, 5, 3)
    assert masked_l1(event, image, active * 0, form="code").item() == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stretch_entries", [1, 70, 1 << 20])
def test_token_similarity_is_the_equation_in_stretches_of_any_size(
    form: Form, stretch_entries: int
) -> None:
    tokens = random_tokens(2, 13, 6)
    said = token_similarity(*tokens, form=form, stretch_entries=stretch_entries)
    expected = expected_structure(*doubles(*tokens), form)
    assert said.intra.item() == pytest.approx(expected[0], rel=1e-5)
    assert said.cross.item() == pytest.approx(expected[1], rel=1e-5)


def naive(event: Tensor, image: Tensor, active: Tensor, form: Form) -> Structure:
    """All of the matrices at once, as autograd keeps them."""
    if form == "code":
        event = torch.nn.functional.normalize(event, dim=-1)
        image = torch.nn.functional.normalize(image, dim=-1)
    event, image = event * active[..., None], image * active[..., None]
    ee, ie, ii = event @ event.mT, image @ event.mT, image @ image.mT
    if form == "paper":
        ie = ie.mT
        return Structure((ee - ii).abs().sum(-1).mean(), (ie - ii).abs().sum(-1).mean())
    drop = ii <= 0.1
    ee, ie, ii = (each.clamp(min=0).masked_fill(drop, 0) for each in (ee, ie, ii))
    return Structure((ee - ii).square().mean(), (ie - ii).square().mean())


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_those_of_the_whole_matrices(form: Form) -> None:
    event, image, active = random_tokens(2, 13, 6)
    gradients = []
    for compute in (
        naive,
        lambda *args: token_similarity(*args[:3], form=form, stretch_entries=50),
    ):
        leaf = event.clone().requires_grad_()
        structure = compute(leaf, image, active, form)
        (structure.intra + 0.3 * structure.cross).backward()
        gradients.append(leaf.grad)
    assert gradients[0] is not None
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-6)
    inactive = gradients[0][active == 0]
    assert len(inactive)
    assert not inactive.any()


class PeakBytes(TorchDispatchMode):
    """The most bytes that tensors made inside held at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return out

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage.data_ptr()
        if key == 0 or key in self._seen:
            return
        self._seen.add(key)
        num = storage.nbytes()
        self.now += num
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._free, key, num)

    def _free(self, key: int, num: int) -> None:
        self._seen.discard(key)
        self.now -= num


def peak_bytes(compute: Callable[..., Structure], *tokens: Tensor) -> int:
    event, image, active = tokens
    with PeakBytes() as memory:
        structure = compute(event.clone().requires_grad_(), image, active)
        (structure.intra + structure.cross).backward()
    return memory.peak


@pytest.mark.parametrize("form", FORMS)
def test_memory_is_far_below_that_of_the_whole_matrices(form: Form) -> None:
    tokens = random_tokens(1, 512, 8)
    matrix = 512 * 512 * 4
    whole = peak_bytes(lambda *args: naive(*args, form), *tokens)
    said = peak_bytes(
        lambda *args: token_similarity(*args, form=form, stretch_entries=512 * 16), *tokens
    )
    assert whole > 5 * matrix
    assert said < 0.7 * matrix
