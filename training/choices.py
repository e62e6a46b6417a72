"""Choices by name: a folder is the registry, its files are what there is to choose from."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType


def choice_names(folder: ModuleType) -> list[str]:
    """Return the names of the files of a package, in order."""
    return sorted(module.name for module in pkgutil.iter_modules(folder.__path__))


def load_choice(folder: ModuleType, what: str, name: str) -> ModuleType:
    """Return the module of a file of a package.

    Args:
        folder: The package.
        what: Its files are, in a word or three for the error.
        name: Of the file, without its suffix.

    Raises:
        ValueError: there is none of that name.
    """
    names = choice_names(folder)
    if name not in names:
        raise unknown(what, name, names)
    return importlib.import_module(f"{folder.__name__}.{name}")


def unknown(what: str, name: str, known: Iterable[str]) -> ValueError:
    """Return the error of a name that is none of ``known``, with the one that is most like it."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}? There are" if near else "there are"
    return ValueError(f"no {what} {name!r}: {hint} {', '.join(names)}")
