"""Opens ONNX Runtime sessions on the provider that was asked for, and says what it became."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import onnxruntime

from export.backends.backend import EngineError
from export.providers import DISPLAY_NAMES, PROVIDERS, wanted_providers

ERRORS_ONLY = 3


def open_session(
    path: Path,
    provider: str,
    num_threads: int | None = None,
    *,
    sizes: Mapping[str, int] | None = None,
) -> tuple[onnxruntime.InferenceSession, str, tuple[str, ...]]:
    """Return a session, the name of what really runs it, and notes for the user.

    Args:
        path: An .onnx file.
        provider: One of PROVIDERS.
        num_threads: Threads of one operator on the CPU; default 2, or 1 on a single core.
        sizes: Of the axes that the graph leaves open, by name: from here on they are fixed.

    Raises:
        EngineError: the file cannot be honoured, or there is no such provider.
    """
    if provider not in PROVIDERS:
        raise EngineError(f"provider must be one of {', '.join(PROVIDERS)}, got {provider!r}")
    wanted, notes = wanted_providers(provider)
    try:
        session = onnxruntime.InferenceSession(
            os.fspath(path), session_options(num_threads, sizes), providers=wanted
        )
    except Exception as error:  # ONNX Runtime's own classes share no base
        raise EngineError(_reason(path, error)) from None
    used = session.get_providers()[0]
    name = DISPLAY_NAMES.get(used, used)
    if used != wanted[0]:
        asked = DISPLAY_NAMES.get(wanted[0], wanted[0])
        notes = (*notes, f"{asked} did not start on this machine: running on {name}")
    return session, name, notes


def _reason(path: Path, error: Exception) -> str:
    """Return why a session did not open, with the cure."""
    runtime = f"ONNX Runtime {onnxruntime.__version__}"
    operator = re.search(r"(?:implementation|No Op registered) for (\w+)", str(error))
    if operator is not None:
        return (
            f"{path} needs the operator {operator.group(1)}, which {runtime} lacks in this type: "
            "export it again in fp32, or update ONNX Runtime"
        )
    opset = re.search(r"Opset (\d+) is under development.* till opset (\d+)", str(error), re.DOTALL)
    if opset is not None:
        return (
            f"{path} has opset {opset.group(1)}, {runtime} reads up to {opset.group(2)}: "
            "export it again with --opset 20, or update ONNX Runtime"
        )
    return f"{path} is damaged or of a newer ONNX Runtime ({first_line(error)}): export it again"


def session_options(
    num_threads: int | None = None, sizes: Mapping[str, int] | None = None
) -> onnxruntime.SessionOptions:
    """Return options that leave the cores to other threads: few of its own, none spinning."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = num_threads or min(2, os.cpu_count() or 1)
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, size in (sizes or {}).items():
        options.add_free_dimension_override_by_name(name, size)
    return options


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, 200 characters at most."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
