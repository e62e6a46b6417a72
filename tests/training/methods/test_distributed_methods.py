from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from distributed_methods import MADE_BY, recipes, write_teachers

from training.run_folder import METRICS_FILE

PROGRAM = Path(__file__).with_name("distributed_methods.py")
TESTS = Path(__file__).parents[2]
NAMES = [recipe.name for recipe in recipes(Path(), Path(), 1)]


def run(teachers: Path, runs: Path, *, num_processes: int, batch_size: int) -> Path:
    """Return the folder in which each method's run lies."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        "--nproc-per-node", str(num_processes), str(PROGRAM),
        str(runs), str(teachers), str(batch_size),
    ]  # fmt: skip
    folders = (TESTS.parent, TESTS, TESTS / "events" / "recordings")
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(str(path) for path in folders),
        "XDG_CACHE_HOME": str(runs / "cache"),
    }
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
    assert len(one) == len(two) == 3
    for line, other in zip(one, two, strict=True):
        said = json.loads(other)
        for term, value in json.loads(line).items():
            assert said[term] == pytest.approx(value, rel=1e-5, abs=1e-6), term


def test_the_main_process_alone_computes_what_is_cached(runs: tuple[Path, Path]) -> None:
    one, two = ((path / MADE_BY).read_text() for path in runs)
    assert set(two.split()) == {"0"}
    assert one == two
