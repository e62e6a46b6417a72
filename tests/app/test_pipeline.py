from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scripted_source import SENSOR, ScriptedSource, random_packets
from wrapped_engine import WrappedEngine

from app.engines import load_engine
from app.inference import Inference
from app.pipeline import Pipeline, PipelineConfig, PipelineError
from app.scene import PipelineState
from events.filters import RefractoryConfig
from events.packet import EventPacket, SensorSize, join
from events.sources.source import SourceError
from events.windows import WindowConfig, slide
from export.backends.backend import Engine

EVERY_SCENE = PipelineConfig(keeps_every_scene=True)


def wait_until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.002)


class GatedEngine(WrappedEngine):
    """A real engine that runs a window only when the test lets it."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.gate = threading.Semaphore(0)
        self.entered = threading.Event()
        self.is_failing = False
        self.num_runs = 0

    def before_run(self) -> None:
        self.entered.set()
        self.gate.acquire(timeout=5)
        self.num_runs += 1
        if self.is_failing:
            raise RuntimeError("the device was lost")


@pytest.fixture
def engine(tiny_engine: Path) -> Engine:
    return load_engine(tiny_engine, "cpu")


def test_a_file_loses_no_window_however_slow_the_reader_of_scenes_is(engine: Engine) -> None:
    packets = random_packets(20)
    config = WindowConfig()
    with Pipeline(ScriptedSource(packets), engine, EVERY_SCENE) as pipeline:
        scenes = []
        for scene in pipeline.scenes():
            time.sleep(0.003)
            scenes.append(scene)
        stats = pipeline.stats()
    expected = list(slide(packets, config))
    assert [scene.index for scene in scenes] == [window.index for window in expected]
    assert [scene.packet.start_us for scene in scenes] == [w.packet.start_us for w in expected]
    assert [scene.is_partial for scene in scenes] == [window.is_partial for window in expected]
    assert stats.num_dropped_windows == 0
    assert stats.num_windows == len(expected)
    assert stats.num_events == 20 * 500


def test_every_scene_has_a_prediction_at_the_sensors_resolution(engine: Engine) -> None:
    with Pipeline(ScriptedSource(random_packets(6)), engine, EVERY_SCENE) as pipeline:
        scenes = list(pipeline.scenes())
    assert scenes
    for scene in scenes:
        assert scene.prediction is not None
        assert scene.prediction.recognition is not None
        assert scene.prediction.segmentation is not None
        assert scene.prediction.depth is not None
        assert scene.prediction.segmentation.class_ids.shape == (SENSOR.height, SENSOR.width)
        assert scene.prediction.depth.depth_m.shape == (SENSOR.height, SENSOR.width)
        assert scene.latency.total_ms > 0
        assert scene.age_ms >= scene.latency.total_ms
        assert scene.provider == "CPU"


def test_a_live_stream_keeps_the_newest_window_and_counts_those_it_replaced(engine: Engine) -> None:
    gated = GatedEngine(engine)
    packets = random_packets(40)
    source = ScriptedSource(
        packets, is_live=True, ends=False, before=lambda n: n == 8 and gated.entered.wait(5)
    )
    with Pipeline(source, gated) as pipeline:
        wait_until(lambda: pipeline.stats().clock_us == packets[-1].end_us)
        num_windows = len([w for w in slide(packets, WindowConfig()) if not w.is_partial])
        gated.gate.release(50)
        scenes = {}
        wait_until(lambda: pipeline.stats().num_windows >= 2)
        while (scene := pipeline.take_scene()) is not None:
            scenes[scene.index] = scene
        assert max(scenes) == num_windows - 1
        assert pipeline.stats().num_dropped_windows == num_windows - gated.num_runs
    assert gated.num_runs <= 3  # the window held up, one waiting, one represented meanwhile


def test_the_surface_stays_current_while_inference_hangs(engine: Engine) -> None:
    packets = random_packets(30)
    gated = GatedEngine(engine)
    with Pipeline(ScriptedSource(packets, is_live=True, ends=False), gated) as pipeline:
        wait_until(
            lambda: pipeline.surface is not None and pipeline.surface.clock_us == packets[-1].end_us
        )
        assert pipeline.stats().num_windows == 0
        gated.gate.release(50)


def test_without_an_engine_scenes_come_without_predictions() -> None:
    with Pipeline(ScriptedSource(random_packets(6)), None, EVERY_SCENE) as pipeline:
        scenes = list(pipeline.scenes())
    assert len(scenes) > 0
    assert all(scene.prediction is None for scene in scenes)


def test_a_quiet_scene_still_yields_scenes(engine: Engine) -> None:
    packets = random_packets(10, num_events=0)
    with Pipeline(ScriptedSource(packets), engine, EVERY_SCENE) as pipeline:
        scenes = list(pipeline.scenes())
    assert len(scenes) >= 3
    assert all(len(scene.packet) == 0 and scene.prediction is not None for scene in scenes)


def test_timestamps_of_1e15_work(engine: Engine) -> None:
    source = ScriptedSource(random_packets(6, start_us=10**15))
    with Pipeline(source, engine, EVERY_SCENE) as pipeline:
        scenes = list(pipeline.scenes())
    assert scenes[0].packet.start_us == 10**15
    assert scenes[0].prediction is not None


def test_the_recorder_gets_every_packet_before_anything_drops() -> None:
    packets = random_packets(12)
    recorded: list[EventPacket] = []
    config = PipelineConfig(filters=(RefractoryConfig(period_us=10_000).build(),))
    with Pipeline(
        ScriptedSource(packets, is_live=True), None, config, recorder=recorded.append
    ) as pipeline:
        wait_until(lambda: pipeline.state is PipelineState.ENDED)
        stats = pipeline.stats()
    assert np.array_equal(join(recorded).words[:, 0], join(packets).words[:, 0])
    assert stats.num_filtered > 0
    assert stats.filtered_rate < stats.event_rate


def test_a_recorder_that_fails_is_said_once_and_the_view_goes_on() -> None:
    def full(packet: EventPacket) -> None:
        raise OSError("No space left on device")

    with Pipeline(ScriptedSource(random_packets(8)), None, EVERY_SCENE, recorder=full) as pipeline:
        scenes = list(pipeline.scenes())
        assert pipeline.take_message() == "recording stopped: No space left on device"
        assert pipeline.take_message() is None
        assert not pipeline.is_recording
    assert scenes


def test_a_source_that_cannot_open_fails_with_its_message() -> None:
    source = ScriptedSource([], open_failure=SourceError("no camera found: plug one in"))
    with Pipeline(source) as pipeline:
        with pytest.raises(PipelineError, match="no camera found: plug one in"):
            list(pipeline.scenes())
        assert pipeline.state is PipelineState.FAILED
        assert pipeline.take_message() == "no camera found: plug one in"
        assert pipeline.take_message() is None


def test_a_source_that_dies_midway_fails_after_its_last_window(engine: Engine) -> None:
    source = ScriptedSource(random_packets(6), failure=SourceError("camera was unplugged"))
    with Pipeline(source, engine, EVERY_SCENE) as pipeline:
        with pytest.raises(PipelineError, match="unplugged"):
            list(pipeline.scenes())
        assert source.num_closed == 1


def test_an_engine_that_fails_is_counted_and_said_once(engine: Engine) -> None:
    gated = GatedEngine(engine)
    gated.gate.release(1000)
    gated.is_failing = True
    with Pipeline(ScriptedSource(random_packets(8)), gated, EVERY_SCENE) as pipeline:
        scenes = list(pipeline.scenes())
        stats = pipeline.stats()
        assert pipeline.take_message() == "engine tiny failed: the device was lost"
        assert pipeline.take_message() is None
    assert stats.num_engine_failures == len(scenes) > 1


def test_a_strict_pipeline_ends_with_the_engines_failure(engine: Engine) -> None:
    gated = GatedEngine(engine)
    gated.gate.release(1000)
    gated.is_failing = True
    config = PipelineConfig(keeps_every_scene=True, is_strict=True)
    with (
        Pipeline(ScriptedSource(random_packets(8)), gated, config) as pipeline,
        pytest.raises(PipelineError, match="the device was lost"),
    ):
        list(pipeline.scenes())


def test_engine_and_windows_change_while_it_runs(engine: Engine) -> None:
    more = threading.Semaphore(8)
    source = ScriptedSource(random_packets(40), before=lambda number: more.acquire(timeout=5))
    with Pipeline(source, None, EVERY_SCENE) as pipeline:
        scene = pipeline.take_scene(5)
        assert scene is not None
        assert scene.prediction is None
        pipeline.set_engine(engine)
        pipeline.set_windows(WindowConfig(length_us=20_000, stride_us=10_000))
        more.release(100)
        scenes = list(pipeline.scenes())
    assert scenes[-1].prediction is not None
    assert scenes[-2].packet.duration_us == 20_000


@pytest.mark.parametrize("failure", [SourceError("too late"), None], ids=["error", "end"])
def test_a_stopped_source_cannot_touch_the_next_one(failure: SourceError | None) -> None:
    late = threading.Event()

    def hold(number: int) -> None:
        if number == 5:
            late.wait(5)
            if failure:
                raise failure

    first = ScriptedSource(random_packets(6), before=hold)
    second = ScriptedSource(random_packets(30), ends=False)
    pipeline = Pipeline(first)
    pipeline.start()
    wait_until(lambda: pipeline.stats().clock_us == 50_000)
    assert pipeline.stop(timeout_s=0.5) == ("saccade-reader",)
    message = pipeline.take_message()
    assert message is not None
    assert "saccade-reader did not stop" in message
    pipeline.replace_source(second)
    late.set()
    wait_until(lambda: first.num_closed)
    wait_until(lambda: pipeline.stats().clock_us == 300_000)
    assert pipeline.state is PipelineState.RUNNING
    assert pipeline.take_message() is None
    pipeline.stop()


def test_stop_is_quick_and_may_be_called_twice(engine: Engine) -> None:
    pipeline = Pipeline(ScriptedSource(random_packets(10), ends=False), engine, EVERY_SCENE)
    pipeline.start()
    wait_until(lambda: pipeline.stats().num_windows > 0)
    assert pipeline.stop() == ()
    assert pipeline.stop() == ()
    assert pipeline.state is PipelineState.IDLE


def test_starting_twice_is_refused() -> None:
    with (
        Pipeline(ScriptedSource(random_packets(3), ends=False)) as pipeline,
        pytest.raises(RuntimeError, match="stop first"),
    ):
        pipeline.start()


def test_pausing_a_live_stream_hides_it_and_records_on() -> None:
    more = threading.Semaphore(1)
    recorded: list[EventPacket] = []
    source = ScriptedSource(
        random_packets(20), is_live=True, before=lambda number: more.acquire(timeout=5)
    )
    with Pipeline(source, recorder=recorded.append) as pipeline:
        wait_until(lambda: len(recorded) == 1)
        pipeline.pause()
        assert pipeline.state is PipelineState.PAUSED
        more.release(10)
        wait_until(lambda: len(recorded) == 11)
        assert pipeline.stats().num_events == 500
        pipeline.resume()
        more.release(10)
        wait_until(lambda: pipeline.state is PipelineState.ENDED)
    assert len(recorded) == 20


def test_a_change_of_resolution_resets_every_stage(engine: Engine) -> None:
    wide = SensorSize(64, 40)
    packets = random_packets(8) + random_packets(8, start_us=80_000, sensor=wide)
    with Pipeline(ScriptedSource(packets), engine, EVERY_SCENE) as pipeline:
        scenes = list(pipeline.scenes())
        assert pipeline.surface is not None
        assert pipeline.surface.sensor == wide
    assert {scene.packet.sensor for scene in scenes} == {SENSOR, wide}
    assert all(scene.prediction is not None for scene in scenes)


def test_windows_that_overlap_in_time_are_predicted_as_one_by_one_to_the_last_bit(
    engine: Engine,
) -> None:
    packets = random_packets(30)
    config = PipelineConfig(windows=engine_windows(engine), keeps_every_scene=True)
    with Pipeline(ScriptedSource(packets), engine, config) as pipeline:
        scenes = list(pipeline.scenes())
    inference = Inference(engine, SENSOR)
    windows = list(slide(packets, config.windows))
    assert [scene.index for scene in scenes] == [window.index for window in windows]
    for scene, window in zip(scenes, windows, strict=True):
        expected, found = inference.infer(window), scene.prediction
        assert found is not None
        assert np.array_equal(found.recognition.scores, expected.recognition.scores)
        assert np.array_equal(found.segmentation.class_ids, expected.segmentation.class_ids)
        assert np.array_equal(found.depth.depth_m, expected.depth.depth_m)


def engine_windows(engine: Engine) -> WindowConfig:
    return WindowConfig(length_us=engine.card.window_us, stride_us=engine.card.stride_us)


@pytest.fixture(params=["represent", "run", "decode"])
def step(request: pytest.FixtureRequest) -> str:
    """Each step of Inference."""
    return str(request.param)


@pytest.fixture
def before_step(monkeypatch: pytest.MonkeyPatch, step: str) -> list[Callable[[], object]]:
    """What is called before that step of every window."""
    calls: list[Callable[[], object]] = []
    take_step = getattr(Inference, step)

    def held_up(inference: Inference, *arguments: object) -> object:
        for call in calls:
            call()
        return take_step(inference, *arguments)

    monkeypatch.setattr(Inference, step, held_up)
    return calls


def test_whichever_stage_is_slow_a_live_stream_drops_and_counts(
    engine: Engine, before_step: list[Callable[[], object]]
) -> None:
    gate, entered = threading.Semaphore(0), threading.Event()
    before_step.append(lambda: (entered.set(), gate.acquire(timeout=5)))
    packets = random_packets(60)
    source = ScriptedSource(
        packets, is_live=True, ends=False, before=lambda n: n == 8 and entered.wait(5)
    )
    num_windows = len([w for w in slide(packets, WindowConfig()) if not w.is_partial])
    with Pipeline(source, engine) as pipeline:
        wait_until(lambda: pipeline.stats().clock_us == packets[-1].end_us)
        gate.release(100)
        wait_until(
            lambda: (
                pipeline.stats().num_windows + pipeline.stats().num_dropped_windows == num_windows
            )
        )
        stats = pipeline.stats()
    assert stats.num_dropped_windows > num_windows / 2
    assert stats.num_engine_failures == 0


def test_an_error_in_any_stage_ends_a_strict_stream_with_its_message_once(
    engine: Engine, before_step: list[Callable[[], object]]
) -> None:
    def fail() -> None:
        raise RuntimeError("out of order")

    before_step.append(fail)
    config = PipelineConfig(keeps_every_scene=True, is_strict=True)
    with Pipeline(ScriptedSource(random_packets(12)), engine, config) as pipeline:
        with pytest.raises(PipelineError, match="out of order"):
            list(pipeline.scenes())
        assert pipeline.state is PipelineState.FAILED
        assert pipeline.take_message() == "out of order"
        assert pipeline.take_message() is None


def test_stopping_names_the_stage_that_hangs(
    engine: Engine, before_step: list[Callable[[], object]], step: str
) -> None:
    hangs, entered = threading.Event(), threading.Event()
    before_step.append(lambda: (entered.set(), hangs.wait(10)))
    pipeline = Pipeline(ScriptedSource(random_packets(12)), engine, EVERY_SCENE)
    pipeline.start()
    assert entered.wait(5)
    thread = {"run": "saccade-inference"}.get(step, f"saccade-{step}")
    assert pipeline.stop(timeout_s=0.3) == (thread,)
    assert pipeline.take_message() == f"{thread} did not stop within 0.3 s"
    hangs.set()
