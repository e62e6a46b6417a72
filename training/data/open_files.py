"""Files that are read from again and again, kept open by each process for itself."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

MOST_OPEN = 64
"""A process may have 1,024 files open on most systems."""


class _Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closable)


class OpenFiles(Generic[T]):
    """The files last used.

    What HDF5 has open must not be used on the other side of a fork, where both sides would move
    one place in the file: a process that finds its parent's files lets go of them and opens its
    own. Pickled, it is empty.

    Args:
        open_: Opens a file; a function of a module, so that it can be pickled.
        most: The file that was not used the longest is closed where there would be more.
    """

    def __init__(self, open_: Callable[[Path], T], most: int = MOST_OPEN) -> None:
        self._open, self._most = open_, most
        self._files: OrderedDict[Path, T] = OrderedDict()
        self._owner = os.getpid()

    def get(self, path: Path) -> T:
        """Return a file, opened if need be.

        Raises:
            RecordingError: it cannot be opened.
        """
        if self._owner != os.getpid():
            self._files, self._owner = OrderedDict(), os.getpid()
        if path in self._files:
            self._files.move_to_end(path)
        else:
            self._files[path] = self._open(path)
            if len(self._files) > self._most:
                self._files.popitem(last=False)[1].close()
        return self._files[path]

    def close(self) -> None:
        """Close all that this process has open; what is asked for again is opened again."""
        if self._owner == os.getpid():
            for file in self._files.values():
                file.close()
        self._files.clear()

    def __len__(self) -> int:
        return len(self._files)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_files": OrderedDict()}
