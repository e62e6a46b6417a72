from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.model_file import load_model
from training.distributed import joined
from training.methods.method import MODEL_FILE
from training.run_folder import METRICS_FILE

PROGRAM = Path(__file__).with_name("distributed_run.py")
ROOT = Path(__file__).parents[2]
NEVER = -1


def launch(
    folder: Path,
    *,
    strategy: str,
    num_processes: int,
    batch_size: int,
    stop_at: int = NEVER,
    dies_after: int = NEVER,
) -> subprocess.CompletedProcess[str]:
    """Run the program; its second process dies once after a step, or all stop at one."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        "--max-restarts", str(int(dies_after != NEVER)),
        "--nproc-per-node", str(num_processes), str(PROGRAM),
        str(folder), strategy, str(batch_size), str(stop_at),
    ]  # fmt: skip
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "DIES_AFTER": str(dies_after),
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if stop_at == NEVER and done.returncode:
        pytest.fail(done.stderr[-9000:])
    return done


def curve(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / METRICS_FILE).read_text().splitlines()]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in one process, with the doubled batch."""
    folder = tmp_path_factory.mktemp("single") / "run"
    launch(folder, strategy="ddp", num_processes=1, batch_size=4)
    return folder


def assert_alike(found: Path, expected: Path) -> None:
    for one, other in zip(curve(found), curve(expected), strict=True):
        for name in ("step", "loss", "contrast", "square"):
            assert one[name] == pytest.approx(other[name], rel=1e-5, abs=1e-6), name
    window = torch.randn(1, 5, 32, 32, generator=torch.Generator().manual_seed(0))
    said, other = (load_model(folder / MODEL_FILE)[0](window) for folder in (found, expected))
    torch.testing.assert_close(said["tokens"], other["tokens"], rtol=1e-3, atol=1e-3)


def test_restarts_that_could_not_join_again_are_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {"WORLD_SIZE": "2", "TORCHELASTIC_MAX_RESTARTS": "3"}
    for name, value in {**values, "TORCHELASTIC_USE_AGENT_STORE": "True"}.items():
        monkeypatch.setenv(name, value)
    with (
        pytest.raises(ValueError, match=r"--max-restarts 3 .*TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"),
        joined(torch.device("cpu")),
    ):
        pass


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_are_one_with_the_doubled_batch_even_when_interrupted(
    tmp_path: Path, single: Path, strategy: str
) -> None:
    folder = tmp_path / "run"
    assert launch(folder, strategy=strategy, num_processes=2, batch_size=2, stop_at=4).returncode
    assert len(curve(folder)) == 5
    launch(folder, strategy=strategy, num_processes=2, batch_size=2)
    assert_alike(folder, single)


def test_a_run_sharded_over_two_processes_goes_on_in_one(tmp_path: Path, single: Path) -> None:
    folder = tmp_path / "run"
    launch(folder, strategy="fsdp", num_processes=2, batch_size=2, stop_at=4)
    (shards,) = (folder / "checkpoints").iterdir()
    assert shards.is_dir()
    assert len(list(shards.glob("*.distcp"))) == 2
    launch(folder, strategy="ddp", num_processes=1, batch_size=4)
    assert_alike(folder, single)


@pytest.mark.timeout(300)
def test_a_sharded_run_writes_the_checkpoint_anew_whose_damage_it_went_back_behind(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    launch(folder, strategy="fsdp", num_processes=2, batch_size=2)
    expected = curve(folder)
    newest = sorted((folder / "checkpoints").iterdir())[-1]
    for shard in newest.glob("*.distcp"):
        shard.write_bytes(shard.read_bytes()[:100])
    launch(folder, strategy="fsdp", num_processes=2, batch_size=2)
    assert curve(folder) == expected
    assert all(shard.stat().st_size > 100 for shard in newest.glob("*.distcp"))


@pytest.mark.timeout(300)
def test_torchrun_restarts_a_run_whose_process_died_and_it_goes_on_from_its_last_checkpoint(
    tmp_path: Path, single: Path
) -> None:
    folder = tmp_path / "run"
    done = launch(folder, strategy="ddp", num_processes=2, batch_size=2, dies_after=4)
    assert "(exitcode: -9)" in done.stderr
    assert "going on after step 3 of 6" in done.stderr
    assert_alike(folder, single)
