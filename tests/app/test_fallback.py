"""The GPU is lost in mid-stream: the CPU goes on, the stream lives, the recording is whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import torch
from lost_engine import LostEngine
from scripted_source import SENSOR, ScriptedSource, random_packets
from tiny_engine import tiny_card, tiny_module

from app.engines import load_engine
from app.fallback import Fallback
from app.inference import Inference
from app.pipeline import Pipeline, PipelineConfig, PipelineError
from app.scene import PipelineState
from events.packet import EventPacket, join
from events.windows import Window
from export.backends import eager
from export.backends.backend import DeviceLostError, Engine
from export.backends.eager import EagerEngine

EVERY_SCENE = PipelineConfig(keeps_every_scene=True)
STRICT = PipelineConfig(keeps_every_scene=True, is_strict=True)
BANNER = (
    "The GPU was lost (CUDA: out of memory (CUDA failure 2: out of memory)): going on with the CPU"
)


def wait_until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.002)


@pytest.fixture
def engine(tiny_engine: Path) -> Engine:
    return load_engine(tiny_engine, "cpu")


def test_a_stream_goes_on_with_the_cpu_and_says_so_once(engine: Engine) -> None:
    lost = LostEngine(engine)
    lost.may_load.clear()
    more = threading.Semaphore(12)
    packets = random_packets(40)
    source = ScriptedSource(packets, before=lambda number: more.acquire(timeout=10))
    recorded: list[EventPacket] = []
    with Pipeline(source, lost, EVERY_SCENE, recorder=recorded.append) as pipeline:
        scenes = []
        while not lost.num_tries_after or pipeline.stats().num_engine_failures == 0:
            scene = pipeline.take_scene(0.05)
            scenes += [scene] if scene else []
        assert pipeline.engine is None  # events are shown while the CPU's engine loads
        lost.may_load.set()
        wait_until(lambda: pipeline.engine is not None)
        more.release(100)
        scenes += list(pipeline.scenes())
        stats = pipeline.stats()
        assert pipeline.take_message() == BANNER
        assert pipeline.take_message() is None
    providers = [scene.provider for scene in scenes if scene.prediction is not None]
    assert providers[:3] == ["CUDA"] * 3
    assert set(providers[3:]) == {"CPU"}
    assert stats.provider == "CPU"
    assert (stats.num_fallbacks, stats.num_engine_failures) == (1, 1)
    assert lost.num_tries_after == 1
    assert np.array_equal(join(recorded).words[:, 0], join(packets).words[:, 0])


def test_a_run_that_may_lose_no_window_infers_it_again_on_the_cpu(engine: Engine) -> None:
    with Pipeline(ScriptedSource(random_packets(20)), LostEngine(engine), STRICT) as pipeline:
        scenes = list(pipeline.scenes())
    assert all(scene.prediction is not None for scene in scenes)
    assert [scene.provider for scene in scenes[:4]] == ["CUDA", "CUDA", "CUDA", "CPU"]


def test_torch_that_runs_out_of_the_gpus_memory_goes_on_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Copy(torch.nn.Module):
        """Of a network, on a device that has memory for a first look and for four windows."""

        num_runs_left = 5

        def __init__(self, network: torch.nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, events: torch.Tensor) -> dict[str, torch.Tensor]:
            if not self.num_runs_left:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            self.num_runs_left -= 1
            said: dict[str, torch.Tensor] = self.network(events.float())
            return said

    monkeypatch.setattr(eager, "on_device", lambda module, *how: Copy(module))
    card = tiny_card()
    torch_engine = EagerEngine(tiny_module(card), card, dtype=torch.float16)
    with Pipeline(ScriptedSource(random_packets(20)), torch_engine, STRICT) as pipeline:
        scenes = list(pipeline.scenes())
        assert pipeline.take_message() == (
            "The GPU was lost (torch fp16 CPU ran out of the GPU's memory: close what else uses "
            "it, or run on the CPU): going on with the CPU"
        )
    assert all(scene.prediction is not None for scene in scenes)
    assert [each for each, _ in groupby(scene.provider for scene in scenes)] == [
        "torch fp16 CPU",
        "eager CPU",
    ]


def test_the_predictions_on_the_cpu_are_those_of_the_same_network(engine: Engine) -> None:
    found, expected = [], []
    for used, into in ((LostEngine(engine), found), (engine, expected)):
        with Pipeline(ScriptedSource(random_packets(12)), used, STRICT) as pipeline:
            into += [scene.prediction.recognition.scores for scene in pipeline.scenes()]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_one_inference_goes_on_so_that_memory_begins_anew_once(stream_engine: Path) -> None:
    engine = load_engine(stream_engine, "cpu")
    with Pipeline(ScriptedSource(random_packets(20)), LostEngine(engine), STRICT) as pipeline:
        scenes = list(pipeline.scenes())
    inference = Inference(engine, SENSOR)
    for scene in scenes[3:]:
        expected = inference.infer(Window(scene.index, scene.packet, scene.is_partial))
        assert scene.provider == "CPU"
        np.testing.assert_allclose(
            scene.prediction.depth.depth_m,
            expected.depth.depth_m,
            rtol=1e-5,
            err_msg=f"{scene.index}",
        )


def test_a_device_that_is_lost_before_the_first_run_is_given_up_like_any_other(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = LostEngine(engine)

    def no_room() -> None:
        raise DeviceLostError("the GPU ran out of memory")

    monkeypatch.setattr(lost, "new_memory", no_room)
    with Pipeline(ScriptedSource(random_packets(5)), lost, STRICT) as pipeline:
        scenes = list(pipeline.scenes())
        assert pipeline.take_message() == (
            "The GPU was lost (the GPU ran out of memory): going on with the CPU"
        )
    assert {scene.provider for scene in scenes} == {"CPU"}
    assert all(scene.prediction is not None for scene in scenes)


def test_where_the_cpu_cannot_either_the_stream_still_lives(engine: Engine) -> None:
    lost = LostEngine(engine, cpu_problem="its file is gone")
    with Pipeline(ScriptedSource(random_packets(20)), lost, EVERY_SCENE) as pipeline:
        scenes = list(pipeline.scenes())
        messages = [pipeline.take_message() for _ in range(3)]
        assert pipeline.state is PipelineState.ENDED
    assert messages == [BANNER, "tiny does not run on the CPU either: its file is gone", None]
    assert scenes[-1].prediction is None
    assert lost.num_tries_after == 1


def test_a_strict_stream_without_a_cpu_fails_in_one_line(engine: Engine) -> None:
    lost = LostEngine(engine, cpu_problem="its file is gone")
    with (
        Pipeline(ScriptedSource(random_packets(12)), lost, STRICT) as pipeline,
        pytest.raises(PipelineError, match="neither the GPU nor the CPU"),
    ):
        list(pipeline.scenes())


def test_a_stand_in_that_is_lost_too_is_the_end(engine: Engine) -> None:
    messages: list[str] = []
    fallback = Fallback(messages.append)
    lost = LostEngine(engine)
    fallback.give_up(lost, DeviceLostError("CUDA: gone"))
    fallback.give_up(lost, DeviceLostError("CUDA: gone"))
    fallback.join()
    stand_in = fallback.engine_for(lost)
    assert stand_in is not None
    assert stand_in.provider == "CPU"
    fallback.give_up(stand_in, DeviceLostError("CPU: gone"))
    assert fallback.engine_for(lost) is None
    assert fallback.engine_for(engine) is engine
    assert len(messages) == 2
    assert messages[1].startswith("CPU failed too")
