from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.bench import pipeline
from app.bench.row import Row, alternating_ms
from app.bench.streams import TICK_US, RandomSource
from app.cli import main
from events.packet import join


def test_a_ratio_above_one_is_better_whatever_the_unit() -> None:
    faster = Row(section="s", name="n", value=2.0, unit="ms", baseline=4.0)
    assert faster.ratio == 2
    slower = Row(section="s", name="n", value=5, unit="1/s", baseline=10, is_higher_better=True)
    assert slower.ratio == 0.5
    assert Row(section="s", name="n", value=1.0, unit="ms").ratio is None


def test_calls_take_turns_and_the_first_does_not_count() -> None:
    order: list[str] = []
    found = alternating_ms(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, num_rounds=3
    )
    assert order == ["a", "b"] * 4
    assert set(found) == {"a", "b"}


def test_a_random_stream_has_the_rate_it_says() -> None:
    with RandomSource(1e6, 0.2, is_live=False) as source:
        packet = join(list(source.packets()))
    assert packet.duration_us == 0.2e6
    assert len(packet) == 200_000
    assert (packet.t[1:] >= packet.t[:-1]).all()
    assert packet.duration_us % TICK_US == 0


def test_the_pipelines_figures_are_printed_as_json(
    tiny_engine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "DURATION_S", 0.3)
    arguments = ["bench", "--json", "--engine", str(tiny_engine), "--only", "engine", "pipeline"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert "cores" in found["machine"]
    rows = found["rows"]
    assert {row["section"] for row in rows} == {"engine", "pipeline"}
    assert len([row for row in rows if "live, events to result, p95" in row["name"]]) == 3
    assert all(row["value"] > 0 for row in rows)


def test_an_unknown_section_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--only", "coffee"]) == 1
    assert "no section coffee: choose from decode" in capsys.readouterr().err


def test_a_trace_needs_a_section_that_runs_a_pipeline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.json"
    assert main(["bench", "--only", "engine", "--trace", str(path)]) == 1
    assert "--trace needs one of the sections pipeline, load" in capsys.readouterr().err
    assert main(["bench", "--only", "load", "--trace", str(tmp_path / "trace.txt")]) == 1
    assert "the trace must be named *.json" in capsys.readouterr().err
    assert not path.exists()


def test_the_pipelines_are_traced(
    tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "DURATION_S", 0.3)
    monkeypatch.setattr(pipeline, "RATES", (1e5,))
    path = tmp_path / "trace.json"
    arguments = ["--engine", str(tiny_engine), "--only", "pipeline", "--trace", str(path)]
    assert main(["bench", *arguments]) == 0
    names = {record["name"] for record in json.loads(path.read_text())["traceEvents"]}
    assert {"read", "window", "represent", "infer", "decode", "Mev/s"} <= names
