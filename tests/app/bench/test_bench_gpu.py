"""The GPU's table: without one, the same paths on the CPU."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from event_packets import edge_windows
from tiny_engine import tiny_card

from app.bench import gpu
from app.bench.gpu_ways import naive_grid
from app.cli import main
from events.packet import SensorSize
from events.representations.letterbox import Letterbox


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has more rows")
def test_without_a_gpu_it_says_so_and_runs_its_paths_on_the_cpu(
    tiny_engine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "NUM_ROUNDS_CPU", 1)
    monkeypatch.setattr(gpu, "NUM_EVENTS", (2_000,))
    assert main(["bench", "--gpu", "--json", "--engine", str(tiny_engine)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "no GPU: its paths run on the CPU" in found["machine"]
    rows = {row["name"].removeprefix("tiny, 2k: "): row for row in found["rows"]}
    for way in ("naive", "grid in, eager", "events in, torch", "events in, ORT CPU"):
        assert rows[f"{way}, p99"]["value"] >= rows[f"{way}, p50"]["value"] > 0
        assert (rows[f"{way}, p50"]["ratio"] is None) == (way == "naive")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has rows")
def test_the_whole_bench_has_no_rows_of_a_gpu_that_is_not_there(tiny_engine: Path) -> None:
    assert list(gpu.rows(tiny_engine)) == []


@pytest.mark.parametrize("size", [(64, 96), (90, 120)])
def test_the_naive_grid_is_the_definitions(size: tuple[int, int]) -> None:
    sensor, card = SensorSize(120, 90), tiny_card()
    letterbox = Letterbox(sensor, *size)
    for name, packet in edge_windows(sensor).items():
        found = naive_grid(packet, card, letterbox)
        expected = card.spec.network_input(packet, letterbox)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5, err_msg=name)


def test_a_network_without_its_model_file_is_made_of_the_engines_card(
    tiny_engine: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(tiny_engine.read_bytes())
    module, card = gpu.network_of(alone)
    assert card == tiny_card()
    assert set(module(torch.zeros(1, 5, 64, 96))) == set(card.tasks)
