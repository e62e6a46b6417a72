"""The contract of every provider: what runs an .onnx engine, whether it can here, and how."""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast

if TYPE_CHECKING:
    from models.card import ModelCard  # slow to import, and each verb's options are named here

PROVIDERS = ("auto", "cpu", "cuda", "tensorrt", "openvino")
"""What a user may ask for; all but "auto" are files of this folder."""
PICKED = "automatic choice"
"""How the line begins that says what "auto" became."""
TITLES = {"cpu": "CPU", "cuda": "CUDA", "tensorrt": "TensorRT", "openvino": "OpenVINO"}

Arithmetic = Literal["fp32", "tf32", "fp16", "bf16", "int8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a provider opens an engine."""

    path: Path
    """The engine, or what the provider made of it before on this machine."""
    options: dict[str, str] = field(default_factory=dict)
    """What its runtime is told."""
    progress: str = ""
    """What will take long, for the user; empty for nothing."""


class Provider(Protocol):
    """One file per provider; the module itself is the provider."""

    RUNTIME_NAME: str
    """ONNX Runtime's name for it; empty for one with a runtime of its own."""
    STAND_INS: tuple[str, ...]
    """Which providers run what it cannot, best first; it needs their libraries too."""

    def problem(self) -> str | None:
        """Return what is missing here and the command that installs it; None if it can run."""
        ...

    def arithmetic(self, card: ModelCard) -> Arithmetic:
        """Return what it computes an engine in: how near it comes to the CPU."""
        ...

    def setup(self, path: Path, card: ModelCard, *, uses_graph: bool = False) -> Setup:
        """Return how to open an engine.

        Args:
            path: The .onnx file.
            card: Its card.
            uses_graph: Whether to record a run's kernels once as a CUDA graph; needs inputs and
                outputs that keep their addresses.
        """
        ...


def provider(name: str) -> Provider:
    """Return the provider of a name in PROVIDERS other than "auto"."""
    return cast(Provider, importlib.import_module(f"export.providers.{name}"))


@functools.cache
def problem(name: str) -> str | None:
    """Return why a provider cannot run here, and the cure; None if it and its stand-ins can."""
    found = (provider(part).problem() for part in (*provider(name).STAND_INS, name))
    return next((reason for reason in found if reason), None)
