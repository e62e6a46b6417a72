from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from distributed_methods import recipes, write_teachers

from training.run_folder import METRICS_FILE

HERE = Path(__file__).parent
PROGRAM = HERE / "distributed_methods.py"
NAMES = [recipe.name for recipe in recipes(Path(), Path(), 1)]
UNEQUAL = {
    "finetune": "its terms are means over what is labelled, of which processes have unequal parts",
    "finetune_stream": "as those of finetune",
    "eventpretrain_2": "its heads normalise over the samples of a process",
    "eventpretrain_3": "its heads normalise over the samples of a process",
}
"""Methods whose loss depends on how samples fall on processes, and why."""
METRICS = ("of_mean_token", "events", "images")
"""Logged beside the loss: ratios, and means over what a process happens to have."""


def run(teachers: Path, runs: Path, *, num_processes: int, batch_size: int) -> Path:
    """Return the folder in which each method's run lies."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        "--nproc-per-node", str(num_processes), str(PROGRAM),
        str(runs), str(teachers), str(batch_size),
    ]  # fmt: skip
    paths = os.pathsep.join(str(path) for path in (HERE.parents[1], HERE.parent))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stderr[-9000:])
    return runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The runs of one process, and those of two with half the batch."""
    teachers, one, two = (tmp_path_factory.mktemp(name) for name in ("teachers", "one", "two"))
    write_teachers(teachers)
    run(teachers, one, num_processes=1, batch_size=4)
    return one, run(teachers, two, num_processes=2, batch_size=2)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
def test_a_method_learns_in_two_processes_what_it_learns_in_one(
    runs: tuple[Path, Path], name: str
) -> None:
    one, two = ((path / name / METRICS_FILE).read_text().splitlines() for path in runs)
    assert len(one) == len(two) == 2
    if name in UNEQUAL:
        return
    for line, other in zip(one, two, strict=True):
        said = json.loads(other)
        for term, value in json.loads(line).items():
            if term not in METRICS:
                assert said[term] == pytest.approx(value, rel=1e-5, abs=1e-6), term
