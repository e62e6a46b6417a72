"""TensorRT: for RTX GPUs built on any machine; for data-centre GPUs and Jetson built there."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from events.packet import EVENT_DTYPE, EventPacket, SensorSize
from export.backends.backend import Engine, EngineError
from export.onnx_card import read_card
from export.onnx_shapes import input_shape
from export.trt.build import Target, build_plan
from export.trt.cache import EngineCache
from export.trt.container import EngineFile, read_engine, write_engine
from export.trt.device import CudaDevice, find_gpu, gpu_problem
from export.trt.embedded import EmbeddedEngine
from export.trt.engine import TensorRtEngine
from export.trt.plan import Plan
from export.trt.rebuild import fitting
from export.trt.target import choose_target, plan_key, running_library

SUFFIX = ".trt"
PROVIDERS = ("auto", "cpu", "tensorrt")
NUM_WARM_UPS = 2


def build(model_path: Path, engine_path: Path, *, progress: Callable[[str], None]) -> None:
    """Write ``model_path`` as an engine for this machine's GPU, or without one for all RTX GPUs.

    Raises:
        EngineError: the model cannot be exported or built, or the file cannot be written.
    """
    from export.onnx_graph import write_onnx
    from models.model_file import load_model

    progress(f"reading {model_path}")
    module, card = load_model(model_path)
    with tempfile.TemporaryDirectory(prefix="saccade-") as folder:
        onnx_path = Path(folder) / f"{model_path.stem}.onnx"
        progress(f"exporting {card.name}")
        write_onnx(module, card, onnx_path)
        build_from_onnx(onnx_path, engine_path, progress=progress)


def build_from_onnx(
    onnx_path: Path,
    engine_path: Path,
    *,
    compute_capabilities: tuple[str, ...] = (),
    progress: Callable[[str], None],
    cancelled: threading.Event | None = None,
) -> None:
    """Write an ONNX engine of Saccade as a TensorRT engine of the same card and precision.

    Args:
        onnx_path: An .onnx file made by `saccade export`.
        engine_path: The file to write; untouched until it is complete.
        compute_capabilities: GPUs to build for, such as "8.6"; none is as in ``build``.
        progress: Told each step.
        cancelled: Ends the build when it is set, as Ctrl-C does.

    Raises:
        BuildCancelledError: ``cancelled`` was set.
        EngineError: TensorRT is missing, or does not take the network or the GPU.
    """
    card = read_card(onnx_path)
    library, targets = choose_target(card.precision, find_gpu(), compute_capabilities)
    onnx = onnx_path.read_bytes()
    key = plan_key(onnx, card, library, targets)
    progress(f"building for compute capability {', '.join(targets)} with {library}")
    target = Target(compute_capabilities=targets, profile=key.profile)
    plan = build_plan(
        library, onnx, target, cancelled=cancelled,
        progress=lambda line: progress(f"{library.name}: {line}"),
    )  # fmt: skip
    write_engine(engine_path, key, card, plan, onnx)


def load(
    engine_path: Path, *, provider: str = "auto", input_size: tuple[int, int] | None = None
) -> Engine:
    """Load an engine; one that is for other GPUs or another TensorRT is built again, once.

    Args:
        engine_path: A .trt file made by ``build``.
        provider: "auto" (the GPU, or with a note the CPU), "tensorrt" (the GPU or an error) or
            "cpu" (the ONNX in the file).
        input_size: Width and height; a plan has those of its card only.

    Raises:
        EngineError: the file cannot be honoured, or there is no such provider or size.
    """
    if provider not in PROVIDERS:
        raise EngineError(f"a TensorRT engine runs on {', '.join(PROVIDERS)}, got {provider!r}")
    file = read_engine(engine_path)
    size = (file.card.input_width, file.card.input_height)
    if input_size not in (None, size):
        raise EngineError(
            f"{engine_path} takes {size[0]}x{size[1]} only: export one for another --input-size"
        )
    if provider == "cpu":
        return EmbeddedEngine(file)
    try:
        return _on_gpu(file)
    except EngineError as error:
        if provider == "tensorrt":
            raise
        return EmbeddedEngine(file, (f"TensorRT cannot be used ({error}): running on the CPU",))


def _on_gpu(file: EngineFile) -> TensorRtEngine:
    gpu = find_gpu()
    if gpu is None:
        raise EngineError(f"no GPU for {file.path.name}: {gpu_problem()}")
    library = running_library(file.key, gpu)
    usable, notes = fitting(file, library, gpu, EngineCache())
    engine = TensorRtEngine(Plan(library, usable), usable, CudaDevice(), library.name, notes)
    for _ in range(NUM_WARM_UPS):
        _warm_up(engine)
    return engine


def _warm_up(engine: TensorRtEngine) -> None:
    """Run a window without events, so that the first real one is not slow."""
    card = engine.card
    if card.sensor is None:
        engine.run(np.zeros(input_shape(card)[1:], np.float32))
        return
    nothing = np.zeros(0, EVENT_DTYPE)
    engine.run_events(EventPacket(nothing, SensorSize(*card.sensor), 0, card.window_us))
