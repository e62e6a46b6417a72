from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scripted_source import ScriptedSource, random_packets

from app.engines import load_engine
from app.pipeline import Pipeline, PipelineConfig
from app.trace import NO_TRACE, Trace, tracing
from events.windows import WindowConfig, slide


def records(path: Path) -> list[dict[str, Any]]:
    found = json.loads(path.read_text())["traceEvents"]
    for record in found:
        assert {"ph", "name", "pid", "tid"} <= set(record)
        assert record["ph"] in "MXiC"
        assert record["ph"] == "M" or record["ts"] >= 0
        assert record["ph"] != "X" or record["dur"] >= 0
    return found


def test_every_window_has_a_span_of_every_stage_in_its_threads_track(
    tiny_engine: Path, tmp_path: Path
) -> None:
    packets = random_packets(20)
    config = PipelineConfig(keeps_every_scene=True)
    with (
        tracing(tmp_path / "t.json") as trace,
        Pipeline(
            ScriptedSource(packets), load_engine(tiny_engine, "cpu"), config, trace=trace
        ) as pipeline,
    ):
        list(pipeline.scenes())
    found = records(tmp_path / "t.json")
    names = {r["tid"]: r["args"]["name"] for r in found if r["name"] == "thread_name"}
    windows = {window.index for window in slide(packets, WindowConfig())}
    for stage, thread in (
        ("represent", "saccade-represent"),
        ("infer", "saccade-inference"),
        ("decode", "saccade-decode"),
    ):
        spans = [r for r in found if r["name"] == stage]
        assert {r["args"]["window"] for r in spans} == windows
        assert len(spans) == len(windows)
        assert {names[r["tid"]] for r in spans} == {thread}
    assert Counter(r["name"] for r in found)["window"] == len(packets)
    rates = [r["args"]["Mev/s"] for r in found if r["ph"] == "C" and r["name"] == "Mev/s"]
    assert rates[-1] == pytest.approx(0.05)


def test_a_window_that_is_dropped_is_an_instant(tiny_engine: Path, tmp_path: Path) -> None:
    trace = Trace()
    source = ScriptedSource(random_packets(200), is_live=True)
    with Pipeline(source, load_engine(tiny_engine, "cpu"), trace=trace) as pipeline:
        done = {scene.index for scene in pipeline.scenes()}
        num_dropped = pipeline.stats().num_dropped_windows
    trace.write(tmp_path / "t.json")
    dropped = [r["args"]["window"] for r in records(tmp_path / "t.json") if r["ph"] == "i"]
    assert len(dropped) == len(set(dropped)) == num_dropped > 0
    assert not done & set(dropped)


def test_of_more_than_its_capacity_the_newest_are_kept_and_the_rest_counted(tmp_path: Path) -> None:
    trace = Trace(capacity=3)
    for window in range(10):
        trace.instant("tick", window)
    trace.write(tmp_path / "t.json")
    found = [r["args"]["window"] for r in records(tmp_path / "t.json") if r["ph"] == "i"]
    assert found == [7, 8, 9]
    assert json.loads((tmp_path / "t.json").read_text())["otherData"] == {"forgotten": 7}


def test_threads_of_one_name_share_a_track(tmp_path: Path) -> None:
    trace = Trace()
    for _ in range(2):
        thread = threading.Thread(target=trace.instant, args=("tick",), name="reader")
        thread.start()
        thread.join()
    trace.write(tmp_path / "t.json")
    assert {r["tid"] for r in records(tmp_path / "t.json")} == {1}


def test_a_span_is_recorded_also_where_its_body_fails(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        tracing(tmp_path / "t.json") as trace,
        trace.span("work", 3),
    ):
        1 / 0  # noqa: B018
    assert [r["args"] for r in records(tmp_path / "t.json") if r["ph"] == "X"] == [{"window": 3}]


def test_without_a_trace_nothing_is_kept(tmp_path: Path) -> None:
    NO_TRACE.instant("tick")
    NO_TRACE.write(tmp_path / "t.json")
    assert records(tmp_path / "t.json") == []
