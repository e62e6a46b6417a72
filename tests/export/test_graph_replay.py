"""CUDA graphs through a stand-in that, like CUDA, records without running and replays in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from export.replay import CudaReplay


class Cuda:
    """Keeps what is captured; a graph's replay runs it and writes where its capture's output is."""

    def __init__(self) -> None:
        self.captured: list[str] = []
        self.recording: StandInGraph | None = None
        self.is_failing = False


class StandInGraph:
    def __init__(self) -> None:
        self.work: Callable[[], None] = lambda: None

    def replay(self) -> None:
        self.work()


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    cuda = Cuda()

    @contextmanager
    def graph(graph: StandInGraph, *, capture_error_mode: str, **options: object) -> Iterator[None]:
        if cuda.is_failing:
            raise RuntimeError("operation not permitted\nwhen stream is capturing")
        cuda.captured.append(capture_error_mode)
        cuda.recording = graph
        yield
        cuda.recording = None

    monkeypatch.setattr(torch.cuda, "CUDAGraph", StandInGraph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: None)
    return cuda


class Doubler:
    """Work that counts how often its kernels were started one by one."""

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self.num_started = 0

    def __call__(self, rows: Tensor) -> tuple[Tensor, ...]:
        if self.cuda.recording is None:
            self.num_started += 1
            return (rows * 2,)
        output = torch.full_like(rows, -1)  # a capture computes nothing
        self.cuda.recording.work = lambda: torch.mul(rows, 2, out=output)
        return (output,)


def test_a_block_is_captured_at_its_second_call_and_replayed_from_then_on(cuda: Cuda) -> None:
    work = Doubler(cuda)
    replay = CudaReplay(work)
    rows = torch.zeros(3)
    for value in range(5):
        rows.fill_(value)
        assert replay(rows)[0].tolist() == [2 * value] * 3
    assert work.num_started == 1
    assert cuda.captured == ["thread_local"]
    assert replay.notes == ()


class Adder:
    """Work that remembers the sum of all it was given, in place."""

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self.total = torch.zeros(3)

    def __call__(self, rows: Tensor) -> tuple[Tensor, ...]:
        if self.cuda.recording is None:
            return (self.total.add_(rows).clone(),)
        output = torch.full_like(rows, -1)
        self.cuda.recording.work = lambda: output.copy_(self.total.add_(rows))
        return (output,)


def test_what_is_remembered_goes_one_window_further_at_each_call(cuda: Cuda) -> None:
    replay = CudaReplay(Adder(cuda))
    one, other = torch.full((3,), 1.0), torch.full((3,), 10.0)
    calls = (one, one, other, one, other, other, one)
    sums = [replay(rows)[0][0].item() for rows in calls]
    assert sums == [1, 2, 12, 13, 23, 33, 34]
    cuda.is_failing = True
    third = torch.full((3,), 100.0)
    assert [replay(third)[0][0].item() for _ in range(3)] == [134, 234, 334]
    assert len(replay.notes) == 1


def test_each_block_has_a_graph_of_its_own(cuda: Cuda) -> None:
    work = Doubler(cuda)
    replay = CudaReplay(work)
    blocks = [torch.full((2,), 1.0), torch.full((4,), 2.0)]
    for _ in range(3):
        assert [replay(rows)[0].tolist() for rows in blocks] == [[2] * 2, [4] * 4]
    assert work.num_started == 2
    assert len(cuda.captured) == 2


def test_what_cannot_be_captured_runs_kernel_by_kernel_and_says_so_once(cuda: Cuda) -> None:
    cuda.is_failing = True
    work = Doubler(cuda)
    replay = CudaReplay(work)
    rows = torch.ones(2)
    for _ in range(4):
        assert replay(rows)[0].tolist() == [2, 2]
    assert work.num_started == 4
    assert replay.notes == ("no CUDA graph (operation not permitted): kernels start one by one",)
