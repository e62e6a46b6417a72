"""The TensorRT libraries: which is there, which GPUs it builds for, and the cure where it is not.

Both have one API. TensorRT for RTX builds for all of its GPUs on any machine; the classic one, for
data-centre GPUs and Jetson, builds on a GPU and for that GPU.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import Any

from export.backends.backend import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One of the TensorRT libraries, there or not."""

    name: str
    """As engines and messages call it."""
    module: str
    requirement: str
    """What pip installs."""

    @property
    def cure(self) -> str:
        """The command that installs it."""
        return f"pip install {self.requirement}"


RTX = Edition(name="TensorRT-RTX", module="tensorrt_rtx", requirement="tensorrt-rtx")
# 10.x is what ONNX Runtime's provider links to as well
CLASSIC = Edition(name="TensorRT", module="tensorrt", requirement="'tensorrt-cu13>=10.15,<11'")
EDITIONS = (RTX, CLASSIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A TensorRT that is loaded."""

    edition: Edition
    api: Any
    """Its module."""

    @property
    def name(self) -> str:
        return self.edition.name

    @property
    def version(self) -> str:
        return str(self.api.__version__)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def compute_capabilities(self) -> tuple[str, ...]:
        """GPUs that it builds for on any machine, such as "8.6"; none for the classic one."""
        members = getattr(getattr(self.api, "ComputeCapability", None), "__members__", {})
        numbers = sorted(int(name[2:]) for name in members if re.fullmatch(r"SM\d+", name))
        return tuple(f"{number // 10}.{number % 10}" for number in numbers)

    def serves(self, compute_capability: str) -> bool:
        """Return whether it runs on such a GPU; the classic one says so only when it builds."""
        return not self.compute_capabilities or compute_capability in self.compute_capabilities


def load_library(edition: Edition) -> Library:
    """Import one of the libraries.

    Raises:
        EngineError: it is missing or half installed; the message says what of it, and the cure.
    """
    try:
        api = importlib.import_module(edition.module)
    except (ImportError, OSError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == edition.module:
            raise EngineError(f"{edition.name} is not installed: {edition.cure}") from None
        raise _half_installed(edition, _missing_part(error)) from None
    if not hasattr(api, "Builder"):  # what an uninstallation leaves
        raise _half_installed(edition, f"{edition.module} is empty")
    return Library(edition=edition, api=api)


def pick_library(compute_capability: str | None) -> Library:
    """Return the library to build with, and to run with.

    Args:
        compute_capability: Of the GPU, such as "8.9"; None where there is none.

    Raises:
        EngineError: none here serves it; the message says why, and what to install.
    """
    if compute_capability is None:
        return load_library(RTX)  # the only one that builds without a GPU
    problems = []
    for edition in EDITIONS:
        try:
            library = load_library(edition)
        except EngineError as error:
            problems.append(str(error))
            continue
        if library.serves(compute_capability):
            return library
        problems.append(f"{library} serves {', '.join(library.compute_capabilities)}")
    raise EngineError(
        f"no TensorRT here for a GPU of compute capability {compute_capability}: "
        f"{'; '.join(problems)}"
    )


def _half_installed(edition: Edition, problem: str) -> EngineError:
    return EngineError(
        f"{edition.name} is half installed, {problem}: "
        f"pip install --force-reinstall {edition.requirement}"
    )


def _missing_part(error: Exception) -> str:
    """Return which file or module an import has missed."""
    if isinstance(error, ModuleNotFoundError):
        return f"module {error.name} is missing"
    library = re.search(r"[\w.+-]+\.(?:dll|so(?:\.\d+)*)", str(error))
    return f"{library[0]} is missing" if library else str(error).strip().splitlines()[0][:160]
