from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest
from scripted_source import ScriptedSource, random_packets

from app import priority
from app.engines import load_engine
from app.pipeline import Pipeline, PipelineConfig
from app.priority import give_way
from app.ui.engine_loader import EngineLoader

STEPS = 10

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux knows a priority of each thread"
)


@pytest.fixture(autouse=True)
def threads_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "STEPS", STEPS)


def niceness(thread_id: int | None = None) -> int:
    return os.getpriority(os.PRIO_PROCESS, thread_id or threading.get_native_id())


def test_a_thread_gives_way_with_those_it_starts_and_no_other() -> None:
    before, seen = niceness(), []

    def work() -> None:
        give_way()
        seen.append(niceness())
        child = threading.Thread(target=lambda: seen.append(niceness()))
        child.start()
        child.join()
        for _ in range(4):
            give_way()  # the lowest there is, and no error
        seen.append(niceness())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    lower = min(before + STEPS, 19)
    assert seen == [lower, lower, 19]
    assert niceness() == before


def test_inference_gives_way_and_reading_does_not(tiny_engine: Path) -> None:
    engine = load_engine(tiny_engine, "cpu")
    config = PipelineConfig(keeps_every_scene=True)
    with Pipeline(ScriptedSource(random_packets(20)), engine, config) as pipeline:
        next(iter(pipeline.scenes()))
        found = {
            each.name: niceness(each.native_id)
            for each in threading.enumerate()
            if each.name.startswith("saccade-")
        }
    lower = min(niceness() + STEPS, 19)
    assert found == {
        "saccade-reader": niceness(),
        "saccade-represent": lower,
        "saccade-inference": lower,
        "saccade-decode": lower,
    }


def test_the_runtimes_own_threads_give_way_where_the_window_loads_an_engine(
    tiny_engine: Path,
) -> None:
    before = set(os.listdir("/proc/self/task"))
    loader = EngineLoader(load_engine)
    loader.request(tiny_engine, "cpu")
    deadline_s = time.monotonic() + 10
    while (loaded := loader.take()) is None:
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.01)
    assert loaded.engine is not None
    threads = {int(each) for each in set(os.listdir("/proc/self/task")) - before}
    found = {niceness(each) for each in threads}
    loaded.engine.close()
    loader.shut_down()
    assert found <= {min(niceness() + STEPS, 19)}
    if len(os.sched_getaffinity(0)) > 1:
        assert found, "ONNX Runtime started threads of its own"
