"""Execution on a stand-in for TensorRT and its device: the real ones need a GPU (test_on_gpu)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from host_device import HostDevice
from stand_in_tensorrt import INPUT, OUTPUT, StandInTensorRt, make_plan, tensor
from tiny_engine import tiny_card
from trt_files import write_file

from events.packet import EVENT_DTYPE, EventPacket, SensorSize
from export.backends.backend import DeviceLostError, EngineError
from export.event_input import EventColumns
from export.trt.engine import TensorRtEngine
from export.trt.library import CLASSIC, Library
from export.trt.plan import Plan
from models.card import ModelCard

SENSOR = SensorSize(40, 30)
GRID_SHAPE = (5, 64, 96)
HEADS = {
    "recognition": tensor(OUTPUT, 1, 7),
    "segmentation": tensor(OUTPUT, 1, 3, 16, 24),
    "depth": tensor(OUTPUT, 1, 1, 16, 24),
}
ONE_HEAD = {"recognition": tensor(OUTPUT, 1, 7)}


class Bench:
    """Makes engines of one stand-in library on one stand-in device."""

    def __init__(self, folder: Path) -> None:
        self.api = StandInTensorRt()
        self.device = HostDevice()
        self._folder = folder

    def engine(
        self, network: str, tensors: dict[str, dict[str, Any]], card: ModelCard
    ) -> TensorRtEngine:
        file = write_file(self._folder / "x.trt", make_plan(network, tensors), card=card)
        plan = Plan(Library(edition=CLASSIC, api=self.api), file)
        return TensorRtEngine(plan, file, self.device, "TensorRT")

    def grid_engine(self) -> TensorRtEngine:
        return self.engine("scale", {"events": tensor(INPUT, 1, *GRID_SHAPE), **HEADS}, tiny_card())

    def stream_engine(self) -> TensorRtEngine:
        card = replace(tiny_card(("recognition",)), temporal={"kind": "x"}, is_streaming=True)
        tensors = {
            "events": tensor(INPUT, 1, *GRID_SHAPE),
            "elapsed": tensor(INPUT, 1),
            "memory_sum": tensor(INPUT, 1, 4),
            "next_memory_sum": tensor(OUTPUT, 1, 4),
            **ONE_HEAD,
        }
        return self.engine("remember", tensors, card)

    def event_engine(self, num_rows: int) -> TensorRtEngine:
        """An engine of raw events: at most 100 if ``num_rows`` is -1, else padded to it."""
        card = replace(tiny_card(("recognition",)), input="events", sensor=(40, 30))
        column = tensor(INPUT, num_rows, dtype="int32", limits=[[2], [50], [100]])
        return self.engine("count", {**dict.fromkeys("txyp", column), **ONE_HEAD}, card)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def grid_of(value: float) -> np.ndarray:
    return np.full(GRID_SHAPE, value, np.float32)


def packet_of(number: int, start_us: int = 10**15) -> EventPacket:
    events = np.zeros(number, EVENT_DTYPE)
    events["t"] = start_us + np.arange(number)
    events["x"], events["y"], events["p"] = 3, 2, 1
    return EventPacket(events, SENSOR, start_us, start_us + 50_000)


def test_an_engine_gives_what_its_plan_computes(bench: Bench) -> None:
    engine = bench.grid_engine()
    for value in (0.5, 3.0, -1.0):
        outputs = engine.run(grid_of(value))
        assert {name: output.shape for name, output in outputs.items()} == {
            "recognition": (1, 7),
            "segmentation": (1, 3, 16, 24),
            "depth": (1, 1, 16, 24),
        }
        assert all(np.all(output == 2 * value) for output in outputs.values())
    assert (engine.provider, engine.notes, engine.card) == ("TensorRT", (), tiny_card())
    engine.close()


def test_a_grid_of_another_shape_is_refused(bench: Bench) -> None:
    engine = bench.grid_engine()
    with pytest.raises(ValueError, match=r"takes \(5, 64, 96\), got \(5, 64, 64\)"):
        engine.run(np.zeros((5, 64, 64), np.float32))
    with pytest.raises(ValueError, match="takes the grid of a window"):
        engine.run_events(packet_of(1))


def test_one_graph_is_captured_after_the_first_window_and_replayed(bench: Bench) -> None:
    engine = bench.grid_engine()
    for _ in range(5):
        engine.run(grid_of(1.0))
    assert (bench.device.num_captures, bench.device.num_replays) == (1, 4)
    assert bench.api.num_executions == 5


def test_a_context_that_cannot_be_captured_is_queued_anew_each_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Plan, "is_capturable", lambda self, stream_handle: False)
    engine = bench.grid_engine()
    assert all(np.all(engine.run(grid_of(v))["depth"] == 2 * v) for v in (1.0, 2.0, 3.0))
    assert bench.device.num_captures == 0


@pytest.mark.parametrize(
    "fault",
    [
        RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore"),
        EngineError("TensorRT failed: it is capturing"),
    ],
)
def test_a_capture_that_fails_loses_no_device_and_is_said_once(
    bench: Bench, fault: Exception
) -> None:
    bench.device.capture_fault = fault
    engine, stream = bench.grid_engine(), bench.stream_engine()
    assert [engine.run(grid_of(v))["depth"].max() for v in (1.0, 2.0, 3.0)] == [2.0, 4.0, 6.0]
    reason = str(fault).splitlines()[0]
    assert engine.notes == (f"no CUDA graph ({reason}): kernels start one by one",)
    memory = stream.new_memory()
    sums = [float(stream.run(grid_of(1.0), memory)["recognition"][0, 0]) for _ in range(4)]
    assert sums == [4.0, 6.0, 7.0, 7.5]
    assert stream.notes == engine.notes
    assert (bench.device.num_captures, bench.device.num_replays) == (3, 0)


def test_a_stream_remembers_and_time_that_passed_counts(bench: Bench) -> None:
    engine = bench.stream_engine()
    memory = engine.new_memory()
    sums = [float(engine.run(grid_of(1.0), memory)["recognition"][0, 0]) for _ in range(4)]
    assert sums == [4.0, 6.0, 7.0, 7.5]
    assert engine.run(grid_of(0.0), memory, elapsed=2.0)["recognition"][0, 0] == 7.5 / 4


def test_a_memory_forgets_and_two_memories_know_nothing_of_each_other(bench: Bench) -> None:
    engine = bench.stream_engine()
    one, other = engine.new_memory(), engine.new_memory()
    assert one is not None
    for _ in range(3):
        engine.run(grid_of(1.0), one)
    assert engine.run(grid_of(1.0), other)["recognition"][0, 0] == 4.0
    one.forget()
    assert engine.run(grid_of(1.0), one)["recognition"][0, 0] == 4.0


def test_a_window_without_a_memory_begins_anew(bench: Bench) -> None:
    engine = bench.stream_engine()
    sums = [float(engine.run(grid_of(1.0))["recognition"][0, 0]) for _ in range(3)]
    assert sums == [4.0, 4.0, 4.0]
    assert bench.grid_engine().new_memory() is None


def test_each_turn_of_a_memory_has_a_graph_of_its_own(bench: Bench) -> None:
    engine = bench.stream_engine()
    memory = engine.new_memory()
    for _ in range(6):
        engine.run(grid_of(1.0), memory)
    assert (bench.device.num_captures, bench.device.num_replays) == (2, 4)


@pytest.mark.parametrize("number", [0, 1, 2, 99, 100])
def test_raw_events_travel_as_they_are(bench: Bench, number: int) -> None:
    engine = bench.event_engine(-1)
    found = engine.run_events(packet_of(number))["recognition"][0]
    num_rows = max(number, 2)  # the profile's least
    sums = (sum(range(number)), 3 * number, 2 * number, number)
    assert found.tolist() == [number, num_rows - number, *sums, num_rows]
    assert bench.device.num_captures == 0  # other windows have other shapes


@pytest.mark.parametrize("num_rows", [-1, 100])
def test_a_window_of_another_length_is_stretched_to_the_engines(
    bench: Bench, num_rows: int
) -> None:
    engine = bench.event_engine(num_rows)
    window = packet_of(90)
    short = EventPacket(window.events, SENSOR, window.start_us, window.start_us + 20_000)
    assert engine.card.window_us == 50_000
    found = engine.run_events(short)["recognition"][0]
    assert found[2] == sum(t_us * 50_000 // 20_000 for t_us in range(90))
    columns = EventColumns(engine.card).fill(short)  # what ONNX Runtime is given
    assert found[2:6].tolist() == columns[:, :90].sum(axis=1).tolist()


def test_raw_events_of_one_window_leave_nothing_for_the_next(bench: Bench) -> None:
    engine = bench.event_engine(100)
    for number in (100, 3, 0, 50):
        found = engine.run_events(packet_of(number))["recognition"][0]
        assert found[:2].tolist() == [number, 100 - number]
    assert bench.device.num_captures == 1  # padding keeps the shape


def test_of_more_events_than_fit_the_newest_are_taken_and_the_others_counted(bench: Bench) -> None:
    for num_rows in (-1, 100):
        engine = bench.event_engine(num_rows)
        assert engine.run_events(packet_of(103))["recognition"][0, 0] == 100
        assert engine.notes[-1].startswith("3 events dropped: the engine takes the newest 100")
        assert engine.run_events(packet_of(5))["recognition"][0, 0] == 5
    with pytest.raises(ValueError, match="takes the events of a window"):
        engine.run(grid_of(0))


def test_events_of_another_sensor_are_refused(bench: Bench) -> None:
    nothing = EventPacket(np.zeros(0, EVENT_DTYPE), SensorSize(64, 48), 0, 50_000)
    engine = bench.event_engine(-1)
    for take in (engine.run_events, engine.stage):
        with pytest.raises(EngineError, match="of a 40x30 sensor, got 64x48"):
            take(nothing)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda: torch.OutOfMemoryError("CUDA out of memory"), "ran out of the GPU's memory"),
        (
            lambda: RuntimeError("CUDA error: unspecified launch failure\nmore"),
            r"lost the GPU \(CUDA error: unspecified launch failure\): run on the CPU",
        ),
    ],
)
def test_a_device_that_fails_is_lost(
    bench: Bench, fault: Callable[[], Exception], message: str
) -> None:
    engine = bench.grid_engine()
    engine.run(grid_of(1.0))
    bench.device.fault = fault()
    with pytest.raises(DeviceLostError, match=message):
        engine.run(grid_of(1.0))


def test_a_refused_window_is_an_error_of_that_window_only(bench: Bench) -> None:
    engine = bench.grid_engine()
    bench.api.refuses = True
    with pytest.raises(EngineError, match="API Usage Error") as caught:
        engine.run(grid_of(1.0))
    assert not isinstance(caught.value, DeviceLostError)
    bench.api.refuses = False
    assert np.all(engine.run(grid_of(1.0))["depth"] == 2)


def test_a_refused_window_whose_device_is_gone_is_a_lost_device(bench: Bench) -> None:
    engine = bench.grid_engine()
    bench.api.refuses = True
    bench.device.fault = RuntimeError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(DeviceLostError, match="illegal memory access"):
        engine.run(grid_of(1.0))


def test_a_plan_that_is_not_taken_says_why(bench: Bench) -> None:
    bench.api.has_memory = False
    with pytest.raises(EngineError, match=r"finds too little of the GPU's memory .*OutOfMemory"):
        bench.grid_engine()
    bench.api.has_driver = False
    with pytest.raises(EngineError, match=r"cudaError 35: driver too old\): `saccade doctor`"):
        bench.grid_engine()


def test_a_plan_that_gives_other_outputs_than_its_card_is_refused(bench: Bench) -> None:
    with pytest.raises(EngineError, match="gives recognition, its card says recognition, segm"):
        bench.engine("scale", {"events": tensor(INPUT, 1, *GRID_SHAPE), **ONE_HEAD}, tiny_card())


def test_the_network_goes_on_on_the_cpu(bench: Bench, tiny_engine: Path, tmp_path: Path) -> None:
    plan = make_plan("scale", {"events": tensor(INPUT, 1, *GRID_SHAPE), **HEADS})
    file = write_file(tmp_path / "y.trt", plan, tiny_engine.read_bytes())
    loaded = Plan(Library(edition=CLASSIC, api=bench.api), file)
    on_cpu = TensorRtEngine(loaded, file, bench.device, "TensorRT").on_cpu()
    assert on_cpu.provider == "CPU"
    assert set(on_cpu.run(grid_of(1.0))) == set(HEADS)
    assert on_cpu.on_cpu().card == tiny_card()
