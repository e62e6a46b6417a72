from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import torch
from torch.utils.data import DataLoader, Dataset

from training.data.workers import workers

NUM_WORKERS = 2
END_S = 20.0
TRAINER = """
from torch.utils.data import DataLoader
from test_workers import Processes
from training.data.workers import workers

if __name__ == "__main__":
    loader = DataLoader(Processes(), batch_size=1, **workers(2))
    samples = iter(loader)
    for _ in range(2):
        next(samples)
    print("both at work", flush=True)
    input()
"""


class Processes(Dataset[Any]):
    """The process that a sample was made in, and that one's parent."""

    def __len__(self) -> int:
        return 2 * NUM_WORKERS

    def __getitem__(self, i: int) -> tuple[int, int]:
        return os.getpid(), os.getppid()


def test_without_workers_nothing_is_started() -> None:
    assert workers(0) == {"num_workers": 0}


def test_workers_are_no_forks_of_the_process_that_trains() -> None:
    loader: DataLoader[Any] = DataLoader(Processes(), batch_size=1, **workers(NUM_WORKERS))
    made_in, parents = (set(torch.cat(each).tolist()) for each in zip(*loader, strict=True))
    assert len(made_in) == NUM_WORKERS
    assert os.getpid() not in made_in | parents


def test_workers_end_with_a_trainer_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "trainer.py"
    script.write_text(TRAINER)
    paths = [str(Path(__file__).parent), *sys.path]
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    ) as trainer:
        assert trainer.stdout is not None
        assert trainer.stdout.readline() == "both at work\n"
        found = psutil.Process(trainer.pid).children(recursive=True)
        assert len(found) >= NUM_WORKERS
        trainer.kill()
        _, left = psutil.wait_procs(found, timeout=END_S)
        for each in left:
            each.kill()
        assert not left
