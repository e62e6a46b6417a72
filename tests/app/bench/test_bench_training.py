from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from app.bench import training, training_grids
from app.bench.training_grids import KeptWindows
from events.representations.red_blue import RedBlueSpec
from training.data import mixture
from training.methods import gep_align
from training.recipe import Recipe, Stage
from training.throughput import Throughput

WITHOUT = "dv_processing PySide6 pyqtgraph tensorboard tyro av onnxruntime hdf5plugin lz4 zstandard"


def test_pretraining_is_measured_where_there_is_neither_a_window_nor_a_camera() -> None:
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({WITHOUT!r}.split()))\n"
        "from app.bench import similarity, training, training_grids\n"
        "from app.cli import main\n"
        "main(['bench', '--only', 'nothing'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "no section nothing: choose from decode" in done.stderr, done.stderr


def test_a_gpu_is_held_to_what_is_asked_of_it() -> None:
    speed = Throughput(samples_per_s=30, wait_percent=2.5, mfu_percent=50)
    rate, wait, mfu = training.speed_rows("run", speed, baseline=10, is_asked=True)
    assert (rate.ratio, wait.ratio, mfu.ratio) == (3, 2, 1.25)
    rate, wait, mfu = training.speed_rows("run", speed, baseline=None)
    assert (rate.ratio, wait.ratio, mfu.ratio) == (None, None, None)


def test_a_grid_is_measured_in_both_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_grids, "NUM_EVENTS", 300)
    recipe = Recipe(
        name="test",
        stages=(Stage(steps=1, height=32, width=32, batch_size=3),),
        data=mixture.Config(),
        method=gep_align.Config(),
        spec=RedBlueSpec(),
        grids_on="device",
    )
    feed = training_grids._feed(recipe, KeptWindows(2, recipe.window_us))
    rows = list(training_grids._grid_rows(recipe, feed, torch.device("cpu")))
    assert [row.unit for row in rows] == ["ms", "ms"]
    assert rows[1].baseline == rows[0].value > 0
