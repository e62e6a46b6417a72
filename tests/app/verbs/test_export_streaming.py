from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted_source import random_packets
from tiny_engine import tiny_card, tiny_module

from app.cli import main
from events.packet import SensorSize
from events.recordings.aedat4_writer import Aedat4Writer
from export.onnx_card import read_card
from models.model_file import load_model, save_model

SENSOR = SensorSize(64, 48)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """210 windows, 20 ms apart."""
    path = tmp_path_factory.mktemp("recording") / "random.aedat4"
    packets = random_packets(423, start_us=10**15, sensor=SENSOR, num_events=40)
    with Aedat4Writer(path, SENSOR, "random") as writer:
        for packet in packets:
            writer.write(packet)
    return path


@pytest.fixture(scope="module")
def model(stream_engine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that could remember, but is not said to, as pretraining leaves it."""
    module, card = load_model(stream_engine.with_suffix(".safetensors"))
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_model(path, module, replace(card, is_streaming=False))
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [{**json.loads(line), "latency_ms": None} for line in path.read_text().splitlines()]


def test_a_model_that_can_remember_is_exported_and_run_as_one_that_does(
    model: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.onnx"
    arguments = ["export", str(model), "-o", str(out), "--recording", str(recording)]
    assert main([*arguments, "--streaming", "--max-gap-ms", "300"]) == 0
    assert "200 windows, max abs error" in capsys.readouterr().err
    card = read_card(out)
    assert card.is_streaming
    assert card.max_gap_us == 300_000
    run = ["run", str(recording), "--engine", str(out), "--provider", "cpu", "--max-windows", "30"]
    for name, speed in (("a", "max"), ("b", "3")):
        assert main([*run, "-o", str(tmp_path / name), "--speed", speed]) == 0
    rows = rows_of(tmp_path / "a")
    assert rows == rows_of(tmp_path / "b")
    again = ["run", str(recording), "--engine", str(model), "--provider", "cpu"]
    assert main([*again, "-o", str(tmp_path / "c"), "--max-windows", "30"]) == 0
    assert rows_of(tmp_path / "c")[9]["recognition"] != rows[9]["recognition"]


def test_an_engine_can_remember_and_take_raw_events(
    model: Path, recording: Path, tmp_path: Path
) -> None:
    forms = {"grid": [], "events": ["--events", str(SENSOR), "--decoded"]}
    for name, flags in forms.items():
        out = str(tmp_path / f"{name}.onnx")
        export = ["export", str(model), "-o", out, "--recording", str(recording), "--streaming"]
        assert main([*export, "--windows", "20", *flags]) == 0
        run = ["run", str(recording), "--engine", out, "--provider", "cpu", "--speed", "max"]
        assert main([*run, "--max-windows", "20", "-o", str(tmp_path / name)]) == 0
    assert read_card(tmp_path / "events.onnx").sensor == (SENSOR.width, SENSOR.height)
    grids, events = (rows_of(tmp_path / name) for name in forms)
    assert len(events) == 20
    for one, other in zip(grids, events, strict=True):
        found, expected = (
            {kind["label"]: kind["score"] for kind in row["recognition"]} for row in (other, one)
        )
        assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--streaming"], "has no part that remembers: leave --streaming out"),
        (["--max-gap-ms", "9"], "--max-gap-ms goes with --streaming"),
        (["--streaming", "--max-gap-ms", "0"], "--max-gap-ms must be at least 1, got 0"),
    ],
)
def test_what_cannot_remember_is_one_clear_line(
    flags: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(tmp_path / "tiny.safetensors", tiny_module(tiny_card()), tiny_card())
    arguments = ["export", str(tmp_path / "tiny.safetensors"), "-o", str(tmp_path / "x.onnx")]
    assert main([*arguments, *flags]) == 1
    assert says in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "x.onnx").exists()
