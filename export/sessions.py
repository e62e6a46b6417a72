"""Opens ONNX Runtime sessions on the provider that was asked for, and says what it became."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnxruntime

from export.backends.backend import EngineError
from export.input_size import open_axes
from export.providers import cpu
from export.providers.provider import PROVIDERS, TITLES, Setup, problem, provider
from export.runtime_errors import cause, load_error, lost_reason
from models.card import ModelCard

ON_ONNX_RUNTIME = tuple(name for name in PROVIDERS if name == "auto" or provider(name).RUNTIME_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session and what really runs it."""

    session: Any
    """An onnxruntime.InferenceSession."""
    provider: str
    """As the user reads it: "CPU", "CUDA", "TensorRT"."""
    notes: tuple[str, ...]
    has_device_buffers: bool = False
    """Whether the grid and the outputs stand in the GPU's memory, as a CUDA graph needs them."""


def open_session(
    path: Path,
    card: ModelCard,
    asked: str,
    config: cpu.Config | None = None,
    *,
    progress: Callable[[str], None] = lambda line: None,
) -> Opened:
    """Open an engine on the provider that was asked for, or on the next that can.

    Args:
        path: An .onnx file.
        card: Its card.
        asked: One of PROVIDERS that ONNX Runtime has; "auto" is CUDA if it can run, else the CPU.
        config: Of what runs on the CPU.
        progress: Told what takes long.

    Raises:
        EngineError: the file cannot be honoured, or there is no such provider.
    """
    names, notes = usable_providers(asked)
    options = (config or cpu.Config()).session_options()
    for axis, size in open_axes(card).items():
        options.add_free_dimension_override_by_name(axis, size)
    first = _Attempt(names=names, notes=notes, uses_graph=_is_fixed(card) and names[0] != "cpu")
    session, attempt = _open_by(first, path, card, options, progress)
    used, names, notes = session.get_providers()[0], attempt.names, attempt.notes
    running = next((name for name in names if used == provider(name).RUNTIME_NAME), "cpu")
    if running != names[0]:
        notes = (*notes, _did_not_start((names[0], running), "its libraries do not work together"))
    return Opened(
        session=session,
        provider=TITLES[running],
        notes=notes,
        has_device_buffers=_is_fixed(card) and running != "cpu",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One way to open a session."""

    names: tuple[str, ...]
    """Providers, best first."""
    notes: tuple[str, ...]
    """Why it is not on those before."""
    uses_graph: bool

    def after(self, error: Exception, *, is_stale: bool) -> _Attempt | None:
        """Return the way to try once this one failed; None where none is left.

        Args:
            error: Why it failed.
            is_stale: Whether it opened what another version built: then that is built anew.
        """
        if self.uses_graph and "graph capture" in str(error):
            # a node runs on the CPU, which no CUDA graph can hold
            return replace(self, uses_graph=False)
        if is_stale:
            return self
        if len(self.names) == 1:
            return None
        return _Attempt(
            names=self.names[1:],
            notes=(*self.notes, _did_not_start(self.names, cause(error))),
            uses_graph=self.uses_graph and self.names[1] != "cpu",
        )


def _open_by(
    attempt: _Attempt,
    path: Path,
    card: ModelCard,
    options: Any,
    progress: Callable[[str], None],
) -> tuple[onnxruntime.InferenceSession, _Attempt]:
    """Return a session, and the first attempt from ``attempt`` on that opened it."""
    while True:
        setup = provider(attempt.names[0]).setup(path, card, uses_graph=attempt.uses_graph)
        if setup.progress:
            progress(setup.progress)
        try:
            return _open(setup, card, attempt.names, options), attempt
        except Exception as error:  # ONNX Runtime's own classes share no base
            is_stale = setup.path != path and lost_reason(str(error)) is None
            following = attempt.after(error, is_stale=is_stale)
            if following is None:
                raise load_error(path, error) from None
        if following == attempt:
            setup.path.unlink()
        attempt = following


def _is_fixed(card: ModelCard) -> bool:
    """Return whether each run takes one grid of one shape and nothing else."""
    return card.input == "grid" and not card.is_streaming


def usable_providers(asked: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the providers to ask for, best first, and notes for the user.

    Raises:
        EngineError: ONNX Runtime has no provider of this name.
    """
    if asked not in ON_ONNX_RUNTIME:
        raise EngineError(f"provider must be one of {', '.join(ON_ONNX_RUNTIME)}, got {asked!r}")
    wanted = "cuda" if asked == "auto" else asked
    chain = tuple(dict.fromkeys((wanted, *provider(wanted).STAND_INS, "cpu")))
    usable = tuple(name for name in chain if problem(name) is None)
    if usable[0] == wanted or asked == "auto":
        return usable, ()
    running = "the CPU" if usable[0] == "cpu" else TITLES[usable[0]]
    return usable, (f"{TITLES[wanted]} cannot be used ({problem(wanted)}): running on {running}",)


def _open(
    setup: Setup, card: ModelCard, names: tuple[str, ...], options: Any
) -> onnxruntime.InferenceSession:
    """Open a session on ``names[0]``, what it cannot run on the others."""
    stand_ins = [(name, provider(name).setup(setup.path, card).options) for name in names[1:]]
    providers = [(names[0], setup.options), *stand_ins]
    return onnxruntime.InferenceSession(
        os.fspath(setup.path),
        options,
        providers=[(provider(name).RUNTIME_NAME, settings) for name, settings in providers],
        enable_fallback=0,  # it would print, and retry on what was not asked for
    )


def _did_not_start(names: tuple[str, ...], reason: str) -> str:
    running = "the CPU" if names[1] == "cpu" else TITLES[names[1]]
    return f"{TITLES[names[0]]} did not start ({reason}): running on {running}"
