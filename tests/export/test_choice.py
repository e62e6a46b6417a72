"""The automatic choice, among providers played by real engines on the CPU."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from stream_engine import write_stream_engine
from tiny_engine import tiny_card, tiny_module
from wrapped_engine import WrappedEngine

from app.engines import usable_providers
from export import choice
from export.backends import onnxruntime, openvino
from export.backends.backend import DeviceLostError, Engine, EngineError, Outputs
from export.choice import Choice, Trial, choose, remembered
from export.family import Member, family, most_exact
from export.libraries import is_installed
from export.onnx_card import read_card
from export.onnx_graph import write_model, write_onnx
from export.providers.provider import TITLES

CPU_AND_CUDA = ("cuda", "cpu")


class PlayedGpu(WrappedEngine):
    """Says what the CPU says, ``error`` off, as another provider, in its own time."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        *,
        error: float = 0.0,
        run_s: float = 0.0,
        forgets: bool = False,
    ) -> None:
        super().__init__(engine)
        self._title, self._error, self._run_s = TITLES[name], error, run_s
        self._forgets = forgets

    @property
    def provider(self) -> str:
        return self._title

    def run(self, grid: np.ndarray, memory: object = None, *, elapsed: float = 1.0) -> Outputs:
        time.sleep(self._run_s)
        outputs = super().run(grid, None if self._forgets else memory, elapsed=elapsed)
        return {name: output + np.float32(self._error) for name, output in outputs.items()}


class Machine:
    """Loads engines on played providers, and counts."""

    def __init__(self, **providers: dict[str, float | bool] | str) -> None:
        self.loaded: list[tuple[str, str]] = []
        self._providers = providers

    def load(self, path: Path, name: str) -> Engine:
        self.loaded.append((path.name, name))
        engine = onnxruntime.load(path, provider="cpu")
        how = self._providers.get(name, {})
        if isinstance(how, str):
            raise EngineError(how)
        return engine if name == "cpu" and not how else PlayedGpu(engine, name, **how)


@pytest.fixture(autouse=True)
def no_choice_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(choice, "NUM_WINDOWS", 3)


@pytest.fixture(scope="module")
def two_sizes(tiny_engine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An engine with a sibling twice as large, and a stranger that only has its name."""
    folder = tmp_path_factory.mktemp("family")
    shutil.copy(tiny_engine, folder / "tiny.onnx")
    large = dataclasses.replace(tiny_card(), input_width=192, input_height=128)
    write_onnx(tiny_module(large), large, folder / "tiny@192x128.onnx")
    stranger = dataclasses.replace(tiny_card(), name="stranger")
    write_model(onnx.load(tiny_engine), stranger, folder / "tiny@stranger.onnx")
    (folder / "tiny@damaged.onnx").write_bytes(b"nothing")
    return folder / "tiny.onnx"


def ignore(line: str) -> None:
    """Take progress that is not looked at."""


def picked(machine: Machine, path: Path, providers: tuple[str, ...] = CPU_AND_CUDA) -> Choice:
    return choose(family(path), providers, machine.load, ignore)


def test_the_fastest_that_agrees_is_picked_and_says_why(tiny_engine: Path) -> None:
    lines: list[str] = []
    machine = Machine(cpu={"run_s": 0.05})
    made = choose(family(tiny_engine), CPU_AND_CUDA, machine.load, lines.append)
    assert made.picked.provider == "cuda"
    assert str(made).startswith("automatic choice CUDA 96x64: ")
    assert "windows/s of 50 asked (CPU 96x64: " in str(made)
    assert lines == [
        "measuring tiny.onnx on CUDA, once on this machine",
        "measuring tiny.onnx on CPU, once on this machine",
    ]


def test_a_fast_one_that_disagrees_is_refused(tiny_engine: Path) -> None:
    made = picked(Machine(cuda={"error": 0.5}, cpu={"run_s": 0.05}), tiny_engine)
    assert made.picked.provider == "cpu"
    assert "CUDA 96x64: max abs error 0.5 is over 0.001" in str(made)


def test_of_a_streaming_engine_one_that_forgets_is_refused(stream_engine: Path) -> None:
    made = picked(Machine(cuda={"forgets": True}, cpu={"run_s": 0.05}), stream_engine)
    assert made.picked.provider == "cpu"
    assert "max abs error" in made.trials[0].failure
    made = picked(Machine(openvino={}), stream_engine, ("openvino", "cpu"))
    assert [trial.failure for trial in made.trials] == ["", ""]


@pytest.mark.skipif(not is_installed("openvino"), reason="pip install openvino")
def test_openvino_is_tried_on_a_streaming_engine(tmp_path: Path) -> None:
    path = write_stream_engine(tmp_path, "conv_recurrent")
    assert "openvino" in usable_providers(read_card(path))

    def load(path: Path, name: str) -> Engine:
        return openvino.load(path) if name == "openvino" else onnxruntime.load(path, provider=name)

    made = choose(family(path), ("openvino", "cpu"), load, ignore)
    assert [(trial.provider, trial.failure) for trial in made.trials] == [
        ("openvino", ""), ("cpu", ""),
    ]  # fmt: skip


def test_one_that_does_not_start_is_named_with_its_reason(tiny_engine: Path) -> None:
    made = picked(Machine(cuda="no memory left on it"), tiny_engine)
    assert made.picked.provider == "cpu"
    assert "CUDA 96x64: no memory left on it" in str(made)


def test_one_that_became_the_cpu_is_no_gpu(tiny_engine: Path) -> None:
    machine = Machine()
    machine.load = lambda path, name: onnxruntime.load(  # type: ignore[method-assign]
        path, provider="cpu", notes=("CUDA cannot be used (x): running on the CPU",)
    )
    made = picked(machine, tiny_engine)
    assert made.picked.provider == "cpu"
    assert "CUDA 96x64: CUDA cannot be used" in str(made)


def test_where_nothing_runs_the_engine_says_so(tiny_engine: Path) -> None:
    class Broken(Machine):
        def load(self, path: Path, name: str) -> Engine:
            if self.loaded:
                raise EngineError("it is broken")
            return super().load(path, name)

    with pytest.raises(EngineError, match=r"nothing here runs .*tiny\.onnx: it is broken"):
        picked(Broken(), tiny_engine)


def test_what_was_measured_is_remembered(tiny_engine: Path) -> None:
    first, second = Machine(), Machine()
    made = picked(first, tiny_engine)
    assert remembered(family(tiny_engine), CPU_AND_CUDA) == made
    assert picked(second, tiny_engine) == made
    assert first.loaded
    assert not second.loaded


@pytest.mark.parametrize("change", ["machine", "engine", "providers", "damage", "older"])
def test_what_no_longer_holds_is_measured_again(
    tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = tmp_path / "tiny.onnx"
    shutil.copy(tiny_engine, path)
    picked(Machine(), path)
    providers: tuple[str, ...] = CPU_AND_CUDA
    memory = choice.memory_path()
    if change == "machine":
        monkeypatch.setattr(choice, "machine", lambda: {"gpu": "another", "driver": "999"})
    elif change == "engine":
        card = dataclasses.replace(tiny_card(), provenance={"trained": "longer"})
        write_model(onnx.load(tiny_engine), card, path)
    elif change == "providers":
        providers = ("cpu", "openvino")
    elif change == "damage":
        memory.write_text(memory.read_text()[:-40])
    else:
        content = json.loads(memory.read_text())
        content["choices"] = {key: {"picked": "cuda"} for key in content["choices"]}
        memory.write_text(json.dumps(content))
    assert remembered(family(path), providers) is None
    again = Machine()
    picked(again, path, providers)
    assert again.loaded


def test_a_folder_that_cannot_be_written_is_said(tiny_engine: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    lines: list[str] = []
    choose(family(tiny_engine), CPU_AND_CUDA, Machine().load, lines.append)
    assert lines[-1].startswith("measured again at the next start: ")
    assert "cannot be written: " in lines[-1]


def test_a_family_is_told_by_name_and_by_card(two_sizes: Path) -> None:
    assert [member.path.name for member in family(two_sizes)] == ["tiny@192x128.onnx", "tiny.onnx"]
    assert [member.size for member in family(two_sizes)] == [(192, 128), (96, 64)]
    alone = two_sizes.with_name("tiny@192x128.onnx")
    assert [member.path for member in family(alone)] == [alone]


def test_where_nothing_must_keep_up_the_most_exact_are_chosen_from(two_sizes: Path) -> None:
    large, small = family(two_sizes)
    assert most_exact([large, small]) == [large]
    halved = Member(large.path, dataclasses.replace(large.card, precision="fp16"))
    assert most_exact([halved, large, small]) == [large]
    assert most_exact([halved, small]) == [small], "exact goes before large"
    assert most_exact([halved]) == [halved]


def test_the_largest_that_keeps_up_is_picked(
    two_sizes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "HEADROOM", 1e6)  # however busy this machine is
    machine = Machine()
    made = picked(machine, two_sizes, ("cpu",))
    assert made.picked.file == "tiny@192x128.onnx"
    assert {file for file, _ in machine.loaded} == {"tiny@192x128.onnx"}  # the rest sees less


def test_a_smaller_one_is_picked_where_the_largest_is_too_slow(two_sizes: Path) -> None:
    class Slow(Machine):
        def load(self, path: Path, name: str) -> Engine:
            run_s = 0.1 if "192" in path.name else 0.0
            return PlayedGpu(super().load(path, name), name, run_s=run_s)

    made = picked(Slow(), two_sizes, ("cpu",))
    assert made.picked.file == "tiny.onnx"
    assert "CPU 192x128: " in str(made)


def trial(
    provider: str,
    size: tuple[int, int],
    run_ms: float,
    failure: str = "",
    *,
    file: str = "a.onnx",
    precision: str = "fp32",
) -> Trial:
    return Trial(
        file=file,
        provider=provider,
        size=size,
        precision=precision,
        run_ms=run_ms,
        failure=failure,
    )


def siblings(size: tuple[int, int], exact_ms: float, lossy_ms: float) -> tuple[Trial, ...]:
    """An fp32 engine on two providers, and its int8 sibling of the same size."""
    lossy = {"file": "a@int8.onnx", "precision": "int8"}
    return (
        trial("openvino", size, exact_ms),
        trial("cpu", size, 1.05 * exact_ms),
        trial("openvino", size, 1.05 * lossy_ms, **lossy),
        trial("cpu", size, lossy_ms, **lossy),
    )


def test_of_what_keeps_up_size_goes_before_speed_and_else_speed_before_size() -> None:
    able = Choice(
        stride_ms=20,
        trials=(
            trial("cuda", (256, 192), 5),
            trial("cpu", (256, 192), 13),
            trial("tensorrt", (256, 192), 1, "disagrees"),
            trial("cpu", (128, 96), 4),
        ),
    )
    assert able.picked == able.trials[0]
    slow = Choice(stride_ms=20, trials=(trial("cpu", (256, 192), 90), trial("cpu", (128, 96), 25)))
    assert slow.picked.size == (128, 96)


def test_equal_providers_are_told_apart_by_file() -> None:
    int8 = trial("cpu", (64, 48), 2.0, file="a@int8.onnx", precision="int8")
    assert str(int8) == "CPU 64x48 (a@int8.onnx): 2.0 ms"


def test_an_exact_engine_that_keeps_up_goes_before_a_faster_lossy_one() -> None:
    able = Choice(stride_ms=20, trials=siblings((64, 48), exact_ms=10, lossy_ms=3))
    assert (able.picked.file, able.picked.provider) == ("a.onnx", "cpu")
    slow = Choice(stride_ms=20, trials=siblings((64, 48), exact_ms=15, lossy_ms=9))
    assert (slow.picked.file, slow.picked.provider) == ("a@int8.onnx", "cpu")
    none = Choice(stride_ms=20, trials=siblings((64, 48), exact_ms=30, lossy_ms=21))
    assert (none.picked.file, none.picked.provider) == ("a@int8.onnx", "cpu")


@pytest.mark.parametrize("name", ["a@other.onnx", "a@int8.onnx"])
def test_of_equals_a_familys_own_file_goes_before_its_siblings(name: str) -> None:
    sibling = {"file": name, "precision": "int8" if "int8" in name else "fp32"}
    trials = (
        trial("openvino", (64, 48), 30),
        trial("cpu", (64, 48), 30.5),
        trial("openvino", (64, 48), 30.2, **sibling),
        trial("cpu", (64, 48), 29.9, **sibling),
    )
    for stride_ms in (100, 20):  # whether they keep up or not
        assert Choice(stride_ms=stride_ms, trials=trials).picked == trials[1]


@pytest.mark.parametrize("keeps_up", [True, False])
def test_a_lossy_sibling_is_measured_only_where_no_exact_one_keeps_up(
    tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps_up: bool
) -> None:
    monkeypatch.setattr(choice, "HEADROOM", 1e6 if keeps_up else 1e-6)  # however busy it is here
    shutil.copy(tiny_engine, tmp_path / "tiny.onnx")
    half = dataclasses.replace(tiny_card(), precision="fp16")
    write_model(onnx.load(tiny_engine), half, tmp_path / "tiny@fp16.onnx")

    class SlowExact(Machine):
        def load(self, path: Path, name: str) -> Engine:
            run_s = 0.0 if "fp16" in path.name else 0.05
            return PlayedGpu(super().load(path, name), name, run_s=run_s)

    made = picked(SlowExact(), tmp_path / "tiny.onnx", ("cpu",))
    files = ["tiny.onnx"] if keeps_up else ["tiny.onnx", "tiny@fp16.onnx"]
    assert [trial.file for trial in made.trials] == files
    assert made.picked.file == files[-1]


@pytest.mark.parametrize(
    "failure",
    [
        "CUDA: out of memory (CUDA failure 2: out of memory)",
        "CUDA did not start (CUDA failure 46: all CUDA-capable devices are busy)",
        DeviceLostError("torch ran out of the GPU's memory"),
    ],
)
def test_a_failure_of_the_moment_is_not_remembered(
    tiny_engine: Path, failure: str | DeviceLostError
) -> None:
    class Busy(Machine):
        def load(self, path: Path, name: str) -> Engine:
            if name == "cuda":
                raise failure if isinstance(failure, DeviceLostError) else EngineError(failure)
            return super().load(path, name)

    lines: list[str] = []
    made = choose(family(tiny_engine), CPU_AND_CUDA, Busy().load, lines.append)
    assert made.picked.provider == "cpu"
    assert lines[-1] == f"measured again at the next start: CUDA 96x64: {failure}"
    assert remembered(family(tiny_engine), CPU_AND_CUDA) is None
    again = Machine(cpu={"run_s": 0.05})
    assert picked(again, tiny_engine).picked.provider == "cuda"
    assert remembered(family(tiny_engine), CPU_AND_CUDA) is not None
