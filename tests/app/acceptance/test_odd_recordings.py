"""`saccade run` on recordings at the edge of what a recording is, and on every real one."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from app.cli import main
from events.packet import EventPacket, SensorSize, pack_events
from events.recordings.aedat4_writer import Aedat4Writer

SENSOR = SensorSize(64, 48)
START_US = 10**15

STREAMS = {
    "no event": np.zeros(0, np.int64),
    "one event": np.array([START_US]),
    "one instant": np.full(500, START_US),
    "two instants far apart": np.array([START_US, START_US + 1_000_000]),
    "counting from zero": np.arange(0, 100_000, 10),
}


@pytest.mark.parametrize("name", STREAMS)
def test_every_output_is_whole_for_few_and_equal_times(
    name: str, tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    t = STREAMS[name]
    recording, out, video = (tmp_path / file for file in ("in.aedat4", "out.jsonl", "out.mp4"))
    with Aedat4Writer(recording, SENSOR, "TEST_1") as writer:
        if len(t):
            events = pack_events(t, t % 64, t % 48, t % 2)
            writer.write(EventPacket(events, SENSOR, int(t[0]), int(t[-1]) + 1))
    outputs = ("-o", str(out), "--video", str(video), "--arrays", str(tmp_path / "arrays"))
    assert main(["run", str(recording), *outputs, "--engine", str(tiny_engine)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert sum(row["num_events"] for row in rows) >= len(t)
    assert bool(rows) == bool(len(t))
    assert all(np.isfinite(list(row["depth_m"].values())).all() for row in rows)
    assert len(list((tmp_path / "arrays").glob("*.npz"))) == len(rows)
    if rows:
        with av.open(str(video)) as container:
            assert len(list(container.decode(video=0))) == len(rows)
    assert "windows in" in capsys.readouterr().err


def test_every_real_recording_becomes_rows_in_the_order_of_time(
    data_folder: Path, tiny_engine: Path, tmp_path: Path
) -> None:
    recordings = sorted((data_folder / "recordings").rglob("*.aedat4"))
    assert recordings
    for number, recording in enumerate(recordings):
        out = tmp_path / f"{number}.jsonl"
        arguments = ["run", str(recording), "-o", str(out), "--engine", str(tiny_engine)]
        assert main([*arguments, "--max-windows", "3"]) == 0, recording
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert 1 <= len(rows) <= 3
        assert rows[0]["num_events"] > 0
        assert [row["index"] for row in rows] == list(range(len(rows)))
        assert all(a["start_us"] < b["start_us"] for a, b in pairwise(rows))
