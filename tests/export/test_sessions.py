"""How a session opens where a provider plays up; ONNX Runtime's GPUs are played by the CPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest
from tiny_engine import tiny_card

from export import sessions
from export.backends import onnxruntime as backend
from export.backends.backend import EngineError
from export.device_buffers import DeviceBuffers
from export.providers import cuda, tensorrt
from export.sessions import open_session

REAL = onnxruntime.InferenceSession
Failure = Callable[[str, dict[str, str]], str | None]
"""Takes the file and the first provider's options, and says what goes wrong."""


class PlayedSession:
    """A real session on the CPU that calls itself what was asked for first."""

    def __init__(self, path: str, providers: list[tuple[str, dict[str, str]]]) -> None:
        self._asked = [name for name, _ in providers]
        self._session = REAL(path, providers=["CPUExecutionProvider"])

    def get_providers(self) -> list[str]:
        return self._asked

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Failure], list[tuple[str, str]]]:
    """A function that lets all GPUs start unless ``fails`` says how not; returns what was tried."""

    def begin(fails: Failure = lambda path, options: None) -> list[tuple[str, str]]:
        tried: list[tuple[str, str]] = []

        def opened(path: str, options: object, providers: list, **rest: object) -> PlayedSession:
            assert rest == {"enable_fallback": 0}
            name, settings = providers[0]
            tried.append((name, Path(path).name))
            message = fails(path, settings) if name != "CPUExecutionProvider" else None
            if message:
                raise RuntimeError(message)
            return PlayedSession(path, providers)

        monkeypatch.setattr(sessions.onnxruntime, "InferenceSession", opened)
        monkeypatch.setattr(sessions, "problem", lambda name: None)
        return tried

    return begin


def test_a_gpu_runs_with_its_buffers_and_stand_ins(play, tiny_engine: Path) -> None:
    play()
    opened = open_session(tiny_engine, tiny_card(), "cuda")
    assert (opened.provider, opened.notes, opened.has_device_buffers) == ("CUDA", (), True)
    assert opened.session.get_providers() == ["CUDAExecutionProvider", "CPUExecutionProvider"]


def test_auto_takes_cuda_where_it_can_run(play, tiny_engine: Path) -> None:
    play()
    assert open_session(tiny_engine, tiny_card(), "auto").provider == "CUDA"


def test_a_graph_that_cannot_be_recorded_runs_without(play, tiny_engine: Path) -> None:
    tried = play(
        lambda path, options: (
            "This session cannot use the graph capture feature as requested by the user"
            if options["enable_cuda_graph"] == "1"
            else None
        )
    )
    opened = open_session(tiny_engine, tiny_card(), "cuda")
    assert (opened.provider, opened.notes) == ("CUDA", ())
    assert len(tried) == 2


def test_a_provider_that_fails_at_the_start_gives_way_to_the_next_with_a_note(
    play, tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    play(lambda path, options: "could not build engine" if "trt_fp16_enable" in options else None)
    opened = open_session(tiny_engine, tiny_card(), "tensorrt")
    assert opened.provider == "CUDA"
    assert opened.notes == ("TensorRT did not start (could not build engine): running on CUDA",)
    play(lambda path, options: "CUDA failure 35: driver too old")
    opened = open_session(tiny_engine, tiny_card(), "cuda")
    assert (opened.provider, opened.has_device_buffers) == ("CPU", False)
    assert opened.notes == (
        "CUDA did not start (CUDA failure 35: driver too old): running on the CPU",
    )


def test_an_engine_built_for_another_gpu_is_built_anew(
    play, tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    setup = tensorrt.setup(tiny_engine, tiny_card())
    stale = Path(setup.options["trt_ep_context_file_path"])
    stale.write_bytes(tiny_engine.read_bytes())
    lines: list[str] = []
    tried = play(
        lambda path, options: (
            "TensorRT EP could not deserialize engine from cache" if path == str(stale) else None
        )
    )
    opened = open_session(tiny_engine, tiny_card(), "tensorrt", progress=lines.append)
    assert (opened.provider, opened.notes) == ("TensorRT", ())
    assert [name for _, name in tried] == ["context.onnx", "tiny.onnx"]
    assert not stale.exists()
    assert lines == [setup.progress]


def test_what_was_built_is_kept_where_the_gpu_is_only_busy(
    play, tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = Path(tensorrt.setup(tiny_engine, tiny_card()).options["trt_ep_context_file_path"])
    built.write_bytes(tiny_engine.read_bytes())
    play(lambda path, options: "CUDA failure 2: out of memory" if path == str(built) else None)
    opened = open_session(tiny_engine, tiny_card(), "tensorrt")
    assert opened.provider == "CUDA"
    assert opened.notes == (
        "TensorRT did not start (CUDA failure 2: out of memory): running on CUDA",
    )
    assert built.exists()


def test_a_streaming_engine_records_no_graph(play, tiny_engine: Path) -> None:
    asked: list[str] = []
    play(lambda path, options: asked.append(options["enable_cuda_graph"]))
    card = dataclasses.replace(tiny_card(), temporal={"kind": "any"}, is_streaming=True)
    assert not open_session(tiny_engine, card, "cuda").has_device_buffers
    assert asked == ["0"]


def test_a_runtime_that_quietly_falls_back_is_found_out(
    play, tiny_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play()
    monkeypatch.setattr(PlayedSession, "get_providers", lambda self: ["CPUExecutionProvider"])
    opened = open_session(tiny_engine, tiny_card(), "cuda")
    assert (opened.provider, opened.has_device_buffers) == ("CPU", False)
    assert len(opened.notes) == 1
    assert opened.notes[0].startswith("CUDA did not start")


@pytest.mark.parametrize("when", ["__init__", "run"])
def test_a_gpu_without_memory_for_the_engine_leaves_it_to_the_cpu(
    play, tiny_engine: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc")

    class FullDevice(DeviceBuffers):
        def __init__(self, session: object) -> None:
            super().__init__(session._session, "cpu")

    monkeypatch.setattr(FullDevice, when, fail)
    play()
    monkeypatch.setattr(backend, "DeviceBuffers", FullDevice)
    engine = backend.load(tiny_engine, provider="cuda")
    assert engine.provider == "CPU"
    assert engine.notes == (
        "CUDA: out of memory (CUDA failure 2: out of memory): running on the CPU",
    )


def test_openvino_is_not_onnx_runtimes(tiny_engine: Path) -> None:
    with pytest.raises(EngineError, match="must be one of auto, cpu, cuda, tensorrt, got 'open"):
        open_session(tiny_engine, tiny_card(), "openvino")


def test_the_cpu_is_asked_for_only_by_its_own_name(tiny_engine: Path) -> None:
    opened = open_session(tiny_engine, tiny_card(), "cpu")
    assert opened.session.get_providers() == ["CPUExecutionProvider"]
    assert cuda.RUNTIME_NAME not in opened.session.get_providers()
