from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from stand_in_camera import StandInCamera

from app.cli import main
from app.engines import load_engine
from app.pipeline import Pipeline
from app.scene import PipelineState
from events.sources.open import open_source

StartCamera = Callable[..., StandInCamera]


def test_a_live_stream_becomes_rows(
    stand_in_camera: StartCamera, tiny_engine: Path, tmp_path: Path
) -> None:
    camera = stand_in_camera("unix", rate=100_000)
    out = tmp_path / "out.jsonl"
    arguments = ["run", camera.address, "-o", str(out), "--engine", str(tiny_engine)]
    assert main([*arguments, "--max-windows", "5"]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 5
    assert all(row["recognition"] for row in rows)
    assert any(row["num_events"] > 0 for row in rows)  # a busy machine's camera may come late
    starts = [row["start_us"] for row in rows]
    assert starts == sorted(starts)


def test_the_pipeline_survives_a_camera_that_dies_and_returns(
    stand_in_camera: StartCamera, tiny_engine: Path
) -> None:
    camera = stand_in_camera("unix", rate=100_000)
    with Pipeline(open_source(camera.address), load_engine(tiny_engine, "cpu")) as pipeline:
        wait_for_events(pipeline)
        camera.unplug()
        clock_us = pipeline.stats().clock_us
        wait_until(lambda: pipeline.stats().message != "")
        wait_until(lambda: pipeline.stats().clock_us > clock_us + 200_000)  # time goes on
        camera.start()
        wait_until(lambda: pipeline.stats().message == "")
        wait_for_events(pipeline)
        assert pipeline.state is PipelineState.RUNNING
        assert pipeline.take_message() is None


def wait_for_events(pipeline: Pipeline) -> None:
    """Wait for a window with events and a prediction."""

    def has_come() -> bool:
        scene = pipeline.take_scene(0.05)
        return scene is not None and len(scene.packet) > 0 and scene.prediction is not None

    wait_until(has_come)


def wait_until(condition: Callable[[], object], timeout_s: float = 15.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.01)


def test_a_server_that_is_absent_can_be_stopped(tiny_engine: Path, tmp_path: Path) -> None:
    source = open_source(f"unix:{tmp_path}/nobody")
    with Pipeline(source, load_engine(tiny_engine, "cpu")) as pipeline:
        wait_until(lambda: pipeline.state is not PipelineState.OPENING or pipeline.stats().message)
        assert pipeline.stop() == ()
