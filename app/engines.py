"""Which engine to run: the one that ships with Saccade, or any file that a backend knows."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

from app.versions import REINSTALL, runtime_problem, runtime_providers
from export.backends.backend import Backend, Engine, EngineError
from models.card import ModelCard

DEFAULT_ENGINE = Path(__file__).parent / "assets" / "saccade-default.onnx"
BACKENDS = {
    ".onnx": "export.backends.onnxruntime",
    ".safetensors": "export.backends.eager",
    ".trt": "export.backends.tensorrt",
}
"""Module by suffix; imported only when asked for, so that an ONNX engine imports no torch."""
OPENVINO = "export.backends.openvino"
"""Reads .onnx too, where that provider is asked for."""
Progress = Callable[[str], None]


def default_engine_path() -> Path:
    """Return the engine that ships with Saccade.

    Raises:
        EngineError: this installation lacks it.
    """
    if not DEFAULT_ENGINE.is_file():
        raise EngineError(
            f"the engine that ships with Saccade is missing ({DEFAULT_ENGINE}): "
            "install Saccade again, or choose another with --engine"
        )
    return DEFAULT_ENGINE


def load_engine(
    path: Path | str | None = None,
    provider: str = "auto",
    progress: Progress = lambda line: None,
    *,
    input_size: tuple[int, int] | None = None,
    is_live: bool = True,
) -> Engine:
    """Load an engine by its file's suffix; None is the one that ships with Saccade.

    Args:
        path: The engine's file.
        provider: One of PROVIDERS; for .onnx files "auto" is the fastest that was measured here,
            or at another input size, which was not measured, CUDA where it can run, else the CPU.
        progress: Told what takes long, such as that measurement.
        input_size: Width and height, for an engine that takes any; None is its card's.
        is_live: Whether it must keep up; where windows wait for it, "auto" takes no sibling that
            is less exact or sees less.

    Raises:
        EngineError: no backend knows the suffix, or the file cannot be honoured.
    """
    path = default_engine_path() if path is None else Path(path)
    if path.suffix not in BACKENDS:
        names = " or ".join(f"*{suffix}" for suffix in BACKENDS)
        raise EngineError(f"{path} is not an engine: expected a file named {names}")
    if path.suffix == ".onnx":
        return _load_onnx(path, provider, progress, input_size, is_live)
    backend = cast(Backend, importlib.import_module(BACKENDS[path.suffix]))
    if input_size is not None:
        return backend.load(path, provider=provider, input_size=input_size)
    return backend.load(path, provider=provider)


def usable_providers(card: ModelCard) -> list[str]:
    """Return the names of the providers that can run an .onnx engine here, the CPU last."""
    from export.backends.openvino import refusal
    from export.providers.provider import PROVIDERS, problem

    names = [name for name in reversed(PROVIDERS) if name != "auto" and problem(name) is None]
    return [name for name in names if name != "openvino" or refusal(card) is None]


def provider_problems() -> dict[str, str]:
    """Return why providers cannot run .onnx engines here, by name; those that can are left out."""
    from export.providers.provider import PROVIDERS, problem

    found = {name: problem(name) for name in PROVIDERS if name != "auto"}
    return {name: reason for name, reason in found.items() if reason}


def _load_onnx(
    path: Path,
    provider: str,
    progress: Progress,
    input_size: tuple[int, int] | None,
    is_live: bool,
) -> Engine:
    mixed = runtime_problem()
    try:
        runtime_providers()
    except RuntimeError as error:
        raise EngineError(f"{error}: {mixed or REINSTALL}") from None
    notes = (mixed,) if mixed else ()
    from export.providers.provider import TITLES, problem

    if provider == "auto" and input_size is None:
        return _load_best(path, notes, progress, is_live)
    if provider == "openvino" and (reason := problem(provider)):
        notes = (*notes, f"{TITLES[provider]} cannot be used ({reason}): running on the CPU")
        provider = "cpu"
    return _load_on(path, provider, notes, progress, input_size)


def _load_best(path: Path, notes: tuple[str, ...], progress: Progress, is_live: bool) -> Engine:
    """Load what was measured to be best here; at once where there is nothing to choose from."""
    from export.family import family, most_exact

    members = family(path) if is_live else most_exact(family(path))
    providers = usable_providers(members[0].card)
    if members[0].card.input != "grid":
        return _load_on(path, "auto", notes, progress)
    if len(members) * len(providers) == 1:
        return _load_on(members[0].path, "auto", notes, progress)
    from export.choice import choose

    def load(file: Path, name: str) -> Engine:
        return _load_on(file, name, (), progress)

    choice = choose(members, providers, load, progress)
    picked = choice.picked
    return _load_on(path.with_name(picked.file), picked.provider, (*notes, str(choice)), progress)


def _load_on(
    path: Path,
    provider: str,
    notes: tuple[str, ...],
    progress: Progress,
    input_size: tuple[int, int] | None = None,
) -> Engine:
    """Load an .onnx file on a provider by name."""
    module = importlib.import_module(OPENVINO if provider == "openvino" else BACKENDS[".onnx"])
    engine: Engine = module.load(
        path, provider=provider, notes=notes, progress=progress, input_size=input_size
    )
    return engine
