from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from host_device import HostDevice
from stand_in_tensorrt import INPUT, OUTPUT, StandInTensorRt, make_plan, tensor
from tiny_engine import tiny_card, tiny_module
from trt_files import write_file

from export.backends import tensorrt
from export.backends.backend import EngineError
from export.onnx_graph import write_model, write_onnx
from export.trt import target as trt_target
from export.trt.container import read_engine
from export.trt.device import Gpu
from export.trt.library import CLASSIC, RTX, Library, load_library
from models.card import ModelCard

GPU = Gpu(name="RTX 3090", compute_capability="8.6")
PLAN = make_plan(
    "scale",
    {
        "events": tensor(INPUT, 1, 5, 64, 96),
        "recognition": tensor(OUTPUT, 1, 7),
        "segmentation": tensor(OUTPUT, 1, 3, 16, 24),
        "depth": tensor(OUTPUT, 1, 1, 16, 24),
    },
)
GRID = np.ones((5, 64, 96), np.float32)
VARIANTS = {
    "fp32": tiny_card(),
    "fp16": replace(tiny_card(), precision="fp16"),
    "segmentation only": tiny_card(("segmentation",)),
    "another size": replace(tiny_card(), input_height=128, input_width=160),
}
"""Cards of engines that TensorRT for RTX must take."""


@pytest.fixture
def rtx() -> Library:
    pytest.importorskip("tensorrt_rtx", reason="only TensorRT for RTX builds without a GPU")
    return load_library(RTX)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StandInTensorRt:
    """Let this machine have a GPU, and the classic TensorRT be there."""
    api = StandInTensorRt("10.15.1")
    library = Library(edition=CLASSIC, api=api)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tensorrt, "find_gpu", lambda: GPU)
    monkeypatch.setattr(tensorrt, "CudaDevice", HostDevice)
    monkeypatch.setattr(trt_target, "load_library", lambda edition: library)
    monkeypatch.setattr(trt_target, "pick_library", lambda compute_capability: library)
    return api


def engine_file(tiny_engine: Path, folder: Path, **changes: object) -> Path:
    key = {"library": "TensorRT", "version": "10.15.1", **changes}
    return write_file(folder / "x.trt", PLAN, tiny_engine.read_bytes(), **key).path


@pytest.mark.parametrize("name", VARIANTS)
def test_each_kind_of_engine_is_taken(rtx: Library, name: str, tmp_path: Path) -> None:
    card: ModelCard = VARIANTS[name]
    onnx_path, path = tmp_path / "x.onnx", tmp_path / "x.trt"
    write_onnx(tiny_module(card), card, onnx_path)
    lines: list[str] = []
    tensorrt.build_from_onnx(
        onnx_path, path, compute_capabilities=("8.6", "12.0"), progress=lines.append
    )
    found = read_engine(path)
    assert found.card == card
    assert found.read_onnx() == onnx_path.read_bytes()
    assert (found.key.library, found.key.version) == (rtx.name, rtx.version)
    assert found.key.compute_capabilities == ("8.6", "12.0")
    assert found.key.precision == card.precision
    assert "building for compute capability 8.6, 12.0 with TensorRT-RTX" in lines[0]
    with pytest.raises(EngineError, match=r"TensorRT-RTX|no GPU"):
        tensorrt.load(path, provider="tensorrt")


def test_a_network_with_an_operator_too_many_is_refused_and_nothing_is_written(
    rtx: Library, tiny_engine: Path, tmp_path: Path
) -> None:
    model = onnx.load(tiny_engine)
    model.graph.node.append(onnx.helper.make_node("NonZero", ["events"], ["where"]))
    path = tmp_path / "odd.onnx"
    write_model(model, tiny_card(), path)
    with pytest.raises(EngineError, match="cannot take this network: operator NonZero: "):
        tensorrt.build_from_onnx(path, tmp_path / "x.trt", progress=lambda line: None)
    assert list(tmp_path.iterdir()) == [path]


def test_an_engine_runs_on_the_gpu_that_it_is_for(
    machine: StandInTensorRt, tiny_engine: Path, tmp_path: Path
) -> None:
    engine = tensorrt.load(engine_file(tiny_engine, tmp_path))
    assert (engine.provider, engine.notes) == ("TensorRT", ())
    assert np.all(engine.run(GRID)["depth"] == 2)
    assert machine.num_executions == tensorrt.NUM_WARM_UPS + 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": "10.14.0"}, "built by TensorRT 10.14.0, here is 10.15.1"),
        ({"compute_capabilities": ("9.0",)}, "built for compute capability 9.0"),
        ({"library": "TensorRT-RTX"}, "built by TensorRT-RTX, here is TensorRT 10.15.1"),
    ],
)
def test_a_stale_or_foreign_plan_never_meets_tensorrt(
    machine: StandInTensorRt,
    tiny_engine: Path,
    tmp_path: Path,
    changes: dict[str, object],
    reason: str,
) -> None:
    def no_network(logger: object) -> None:
        raise TypeError("pybind11::init(): factory function returned nullptr")

    machine.Builder = no_network
    path = engine_file(tiny_engine, tmp_path, **changes)
    with pytest.raises(EngineError, match=f"{reason}, and cannot be built again: TensorRT 10"):
        tensorrt.load(path, provider="tensorrt")
    engine = tensorrt.load(path)
    assert engine.provider == "CPU"
    assert "running on the CPU" in engine.notes[0]
    assert reason in engine.notes[0]
    assert machine.num_executions == 0


def test_a_machine_without_a_gpu_runs_the_onnx_and_says_so(
    tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt, "find_gpu", lambda: None)
    path = engine_file(tiny_engine, tmp_path)
    engine = tensorrt.load(path)
    assert engine.provider == "CPU"
    assert "no GPU for x.trt" in engine.notes[0]
    assert engine.run(GRID)["recognition"].shape == (1, 7)
    assert tensorrt.load(path, provider="cpu").notes == ()
    with pytest.raises(EngineError, match=r"no GPU for x\.trt"):
        tensorrt.load(path, provider="tensorrt")


def test_a_plan_without_a_driver_is_one_clear_line(
    machine: StandInTensorRt, tiny_engine: Path, tmp_path: Path
) -> None:
    machine.has_driver = False
    with pytest.raises(EngineError, match=r"cannot run .*cudaError 35") as caught:
        tensorrt.load(engine_file(tiny_engine, tmp_path), provider="tensorrt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "precision", "message"),
    [
        (("9.0",), "fp32", "TensorRT-RTX .* serves .*8.6"),
        (("8.6", "9.0"), "fp32", "builds for compute capability .*, got 9.0: choose among these"),
        (("7.5",), "fp32", "multiply no float32 matrices .*: export with --fp16 or --int8"),
    ],
)
def test_gpus_that_cannot_be_built_for_are_refused_at_once(
    rtx: Library, wanted: tuple[str, ...], precision: str, message: str
) -> None:
    with pytest.raises(EngineError, match=message):
        trt_target.choose_target(precision, None, wanted)


def test_without_a_gpu_an_engine_is_for_all_that_can_run_it(rtx: Library) -> None:
    offered = rtx.compute_capabilities
    for precision in ("fp16", "int8"):  # int8 for TensorRT is fp16 where it is not int8
        assert trt_target.choose_target(precision, None, ()) == (rtx, offered)
        assert trt_target.choose_target(precision, None, ("7.5",)) == (rtx, ("7.5",))
    for_float32 = tuple(one for one in offered if one != "7.5")
    assert trt_target.choose_target("fp32", None, ())[1] == for_float32
    assert trt_target.choose_target("fp32", GPU, ()) == (rtx, ("8.6",))


def test_the_classic_library_builds_for_its_own_gpu_only(machine: StandInTensorRt) -> None:
    library, targets = trt_target.choose_target("fp32", GPU, ())
    assert (library.api, targets) == (machine, ("8.6",))
    with pytest.raises(EngineError, match=r"GPU of this machine only \(RTX 3090 .*\), got .* 9.0"):
        trt_target.choose_target("fp32", GPU, ("9.0",))
    with pytest.raises(EngineError, match="there is none"):
        trt_target.choose_target("fp32", None, ())


def test_raw_events_and_open_sizes_have_a_profile() -> None:
    events = replace(tiny_card(), input="events", sensor=(640, 480))
    assert trt_target.profile_of(events) == dict.fromkeys("txyp", ((1,), (50_000,), (1_000_000,)))
    one_window = (1, 5, 64, 96)
    assert trt_target.profile_of(replace(tiny_card(), is_dynamic=True)) == {
        "events": (one_window, one_window, one_window)
    }
    assert trt_target.profile_of(tiny_card()) == {}
