"""What every provider promises, and what it says where its libraries are half installed."""

from __future__ import annotations

import dataclasses
import mmap
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import onnxruntime
import pytest
from tiny_engine import tiny_card

from export import libraries, providers
from export.fingerprint import machine
from export.providers import cpu, cuda, openvino, tensorrt
from export.providers.provider import PROVIDERS, TITLES, problem, provider

NAMES = [m.name for m in pkgutil.iter_modules(providers.__path__) if m.name != "provider"]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names of Linux libraries")


@pytest.fixture
def only_these_load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A function that lets the loader find libraries whose names begin so, and no others."""

    def allow(*starts: str) -> None:
        def load(name: str) -> object:
            if not name.startswith(starts or ("none",)):
                raise OSError(f"{name}: cannot open shared object file: No such file or directory")
            return object()

        monkeypatch.setattr(libraries.ctypes, "CDLL", load)
        monkeypatch.setattr(cuda, "preload_wheels", lambda: None)
        monkeypatch.setattr(
            onnxruntime,
            "get_available_providers",
            lambda: [tensorrt.RUNTIME_NAME, cuda.RUNTIME_NAME, cpu.RUNTIME_NAME],
        )
        problem.cache_clear()

    yield allow
    problem.cache_clear()
    machine.cache_clear()


def test_every_file_of_the_folder_is_a_provider_by_name() -> None:
    assert sorted(NAMES) == sorted(set(PROVIDERS) - {"auto"}) == sorted(TITLES)


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_keeps_its_contract(name: str, tmp_path: Path) -> None:
    found = provider(name)
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"x")
    for precision in ("fp32", "fp16", "int8"):
        card = dataclasses.replace(tiny_card(), precision=precision)
        assert found.arithmetic(card) in ("fp32", "tf32", "fp16", "bf16", "int8")
        setup = found.setup(path, card, uses_graph=True)
        assert all(isinstance(text, str) for pair in setup.options.items() for text in pair)
    assert set(found.STAND_INS) <= set(NAMES)
    reason = found.problem()
    assert reason is None or (": " in reason and "\n" not in reason)


@linux
@pytest.mark.parametrize(
    ("loading", "name", "reason"),
    [
        ((), "cuda", "libcuda.so.1 not found: install NVIDIA's driver, 580 or newer"),
        (
            ("libcuda",),
            "cuda",
            "libcudnn.so.9 not found: pip install 'onnxruntime-gpu[cuda,cudnn]'",
        ),
        (("libcuda", "libcudnn"), "cuda", "libcublasLt.so."),
        (("libcuda", "libcublas", "libcudnn"), "cuda", None),
        ((), "tensorrt", "libcuda.so.1 not found"),
        (("libcuda", "libcublas"), "tensorrt", "libcudnn.so.9 not found"),
        (
            ("libcu",),
            "tensorrt",
            "libnvinfer.so.10, libnvonnxparser.so.10 not found: pip install '",
        ),
        (("libcu", "libnvinfer"), "tensorrt", "libnvonnxparser.so.10 not found: pip install 'tens"),
        (("libcu", "libnv"), "tensorrt", None),
        ((), "cpu", None),
    ],
)
def test_half_an_installation_names_what_is_missing_and_the_command(
    only_these_load: Callable[..., None], loading: tuple[str, ...], name: str, reason: str | None
) -> None:
    only_these_load(*loading)
    found = problem(name)
    assert (found is None) == (reason is None)
    assert (reason or "") in (found or "")


def test_a_runtime_without_gpus_says_so(
    only_these_load: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    only_these_load("lib")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [cpu.RUNTIME_NAME])
    assert "pip install onnxruntime-gpu" in (problem("cuda") or "")


def test_a_missing_openvino_is_one_command_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "is_installed", lambda module: False)
    assert openvino.problem() == "openvino is not installed: pip install openvino"


@pytest.mark.parametrize(("found", "library"), [(cuda, "cuda"), (tensorrt, "tensorrt")])
def test_the_runtime_knows_every_option_it_is_told(
    found, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(onnxruntime.__file__).parent / "capi"
    names = list(folder.glob(f"*onnxruntime_providers_{library}.*"))
    if not names:
        pytest.skip(f"this onnxruntime has no {library}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"x")
    card = dataclasses.replace(tiny_card(), is_dynamic=True)
    options = found.setup(path, card, uses_graph=True).options
    with names[0].open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        unknown = [name for name in options if text.find(name.encode() + b"\0") < 0]
    assert not unknown


def test_cuda_graphs_are_asked_for_where_addresses_stay() -> None:
    for uses_graph in (False, True):
        setup = cuda.setup(Path("tiny.onnx"), tiny_card(), uses_graph=uses_graph)
        assert setup.options["enable_cuda_graph"] == str(int(uses_graph))
        assert setup.options["use_tf32"] == "0"


def test_tensorrt_builds_once_and_then_opens_what_it_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"x")
    half = dataclasses.replace(tiny_card(), precision="fp16", is_dynamic=True)
    first = tensorrt.setup(path, half)
    assert first.path == path
    assert "minutes, the first time only" in first.progress
    assert first.options["trt_fp16_enable"] == "1"
    assert first.options["trt_profile_max_shapes"] == "events:1x5x64x96"
    context = Path(first.options["trt_ep_context_file_path"])
    assert context.is_relative_to(tmp_path / "saccade" / "tensorrt")
    context.write_bytes(b"built")
    second = tensorrt.setup(path, half)
    assert (second.path, second.progress) == (context, "")
    assert "trt_dump_ep_context_model" not in second.options
    path.write_bytes(b"another engine")
    assert tensorrt.setup(path, half).path == path


@pytest.mark.parametrize("wrong", [{"num_threads": 0}, {"dynamic_block_base": -1}])
def test_threads_and_blocks_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        cpu.Config(**wrong)


def test_no_thread_waits_by_spinning() -> None:
    options = cpu.Config().session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert options.intra_op_num_threads <= 2
