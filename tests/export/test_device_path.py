from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from event_packets import edge_windows
from tiny_engine import tiny_card, tiny_module
from torch import Tensor, nn

from events.packet import SensorSize, empty_packet
from events.representations.letterbox import Letterbox
from export.backends import eager
from export.backends.backend import EngineError, EventEngine
from export.backends.eager import EagerEngine
from export.device_path import DevicePath, on_device
from export.replay import compiled
from models.card import DEPTH_M, LABELS
from models.decode import decode
from models.results import Prediction

SENSOR = SensorSize(120, 90)
CPU = torch.device("cpu")
EVENTS_CARD = dataclasses.replace(tiny_card(), input="events", sensor=(120, 90))


class Twice(nn.Module):
    """A network so small that compiling it takes no time."""

    def forward(self, events: Tensor) -> dict[str, Tensor]:
        return {"tokens": 2 * events}


def assert_same(found: Prediction, expected: Prediction, name: str) -> None:
    assert found.recognition is not None
    assert expected.recognition is not None
    assert found.segmentation is not None
    assert expected.segmentation is not None
    assert found.depth is not None
    assert expected.depth is not None
    scores = (found.recognition.scores, expected.recognition.scores)
    np.testing.assert_allclose(*scores, atol=1e-4, err_msg=name)
    same = found.segmentation.class_ids == expected.segmentation.class_ids
    assert same.mean() > 0.999, name
    np.testing.assert_allclose(found.depth.depth_m, expected.depth.depth_m, rtol=2e-3)


def test_events_in_say_what_the_grid_says() -> None:
    card, module = tiny_card(), tiny_module(tiny_card())
    letterbox = Letterbox(SENSOR, card.input_height, card.input_width)
    engine = EagerEngine(module, card)
    path = DevicePath(on_device(module, card, CPU, torch.float32), card, SENSOR, CPU)
    for name, packet in edge_windows(SENSOR).items():
        found = decode(path.card, path.run(path.stage(packet)), letterbox)
        grid = card.spec.network_input(packet, letterbox)
        assert_same(found, decode(card, engine.run(grid), letterbox), name)
    assert path.notes == ()


def test_windows_can_be_staged_ahead() -> None:
    card, module = tiny_card(), tiny_module(tiny_card())
    path = DevicePath(on_device(module, card, CPU, torch.float32), card, SENSOR, CPU)
    first, second = list(edge_windows(SENSOR).values())[:2]
    alone = [
        {k: v.copy() for k, v in path.run(path.stage(each)).items()} for each in (first, second)
    ]
    staged = [path.stage(first), path.stage(second)]
    for each, expected in zip(staged, alone, strict=True):
        found = path.run(each)
        assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_a_path_refuses_another_sensor_and_too_long_a_window() -> None:
    card = tiny_card()
    path = DevicePath(on_device(tiny_module(card), card, CPU, torch.float32), card, SENSOR, CPU)
    with pytest.raises(ValueError, match="made for a 120x90 sensor, got a packet of 9x9"):
        path.stage(empty_packet(SensorSize(9, 9), 0, 1))
    with pytest.raises(ValueError, match="take shorter windows"):
        path.stage(empty_packet(SENSOR, 0, 2**31))


def test_a_network_made_for_a_device_leaves_the_models_own_alone() -> None:
    module = tiny_module(tiny_card())
    half = on_device(module, tiny_card(), CPU, torch.float16)
    assert {p.dtype for p in half.parameters()} == {torch.float16}
    assert {p.dtype for p in module.parameters()} == {torch.float32}


@pytest.mark.parametrize("is_decoded", [False, True])
def test_torch_on_the_cpu_takes_events_by_the_definition(is_decoded: bool) -> None:
    card = dataclasses.replace(EVENTS_CARD, is_decoded=is_decoded)
    module = tiny_module(card)
    engine = EagerEngine(module, card)
    assert isinstance(engine, EventEngine)
    assert engine.is_fed_events
    letterbox = Letterbox(SENSOR, card.input_height, card.input_width)
    grids = EagerEngine(module, tiny_card())
    assert not grids.is_fed_events
    for name, packet in edge_windows(SENSOR).items():
        outputs = engine.run_events(packet)
        assert set(outputs) == set(card.outputs)
        expected = decode(
            tiny_card(), grids.run(card.spec.network_input(packet, letterbox)), letterbox
        )
        assert_same(decode(card, outputs, letterbox), expected, name)
    if is_decoded:
        assert outputs[LABELS].dtype == np.uint8
        assert outputs[DEPTH_M].dtype == np.float16
    with pytest.raises(EngineError, match=r"got 9x9: export it again with --events 9x9"):
        engine.run_events(empty_packet(SensorSize(9, 9), 0, 1))


@pytest.mark.parametrize("provider", eager.PROVIDERS)
def test_torch_says_when_the_gpu_that_was_asked_for_is_not_there(
    tiny_engine: Path, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    engine = eager.load(tiny_engine.with_suffix(".safetensors"), provider=provider)
    assert engine.provider.endswith(" CPU")
    title = {"cuda": "CUDA"}.get(provider, provider)
    expected = f"{title} cannot be used (torch finds no GPU): running on the CPU"
    assert engine.notes == (() if provider in ("auto", "cpu") else (expected,))


def test_a_network_that_compiles_says_the_same() -> None:
    module, example = nn.Linear(3, 2), torch.ones(1, 3)
    fast, notes = compiled(module, example, backend="aot_eager")
    assert notes == ()
    assert fast is not module
    assert torch.equal(fast(example), module(example))


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")
def test_a_compiler_that_is_missing_is_a_note_and_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    card = tiny_card(tasks=())
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, "no-such-compiler"))
    torch.compiler.reset()
    engine = EagerEngine(Twice(), card, is_compiled=True)
    assert (engine.run(np.ones((5, 64, 96), np.float32))["tokens"] == 2).all()
    assert len(engine.notes) == 1
    assert engine.notes[0].startswith("torch.compile failed (")
    assert "compiler" in engine.notes[0].partition("(")[2]
    assert engine.provider == "eager CPU"
