"""Engines that were built on this machine, kept so that each is built once.

An entry is an engine file, named by what its plan depends on; it is believed no more than any other
file. The folder has a limit: the entries that were used longest ago go first.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from export.backends.backend import EngineError
from export.cache_folder import cache_folder
from export.trt.container import EngineFile, PlanKey, read_engine, write_engine
from models.card import ModelCard

MAX_BYTES = 4_000_000_000


class EngineCache:
    """A folder of engines by what they depend on."""

    def __init__(self, folder: Path | None = None, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder or cache_folder() / "engines"
        self._max_bytes = max_bytes

    def path_of(self, key: PlanKey) -> Path:
        """Return where the engine of ``key`` is, or would be."""
        return self._folder / f"{key.digest}.trt"

    def find(self, key: PlanKey) -> EngineFile | None:
        """Return the engine of ``key``, all of it checked; None if it must be built.

        A damaged entry is removed.
        """
        path = self.path_of(key)
        if not path.exists():
            return None
        try:
            found = read_engine(path)
            found.check()
        except EngineError:
            path.unlink(missing_ok=True)
            return None
        if found.key != key:
            return None
        os.utime(path)  # the eviction goes by the last use
        return found

    def add(self, key: PlanKey, card: ModelCard, plan: bytes, onnx: bytes) -> EngineFile:
        """Keep an engine, and remove old ones until the folder is within its limit.

        Raises:
            EngineError: the folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"cannot make {self._folder}: {error.strerror}") from None
        path = self.path_of(key)
        write_engine(path, key, card, plan, onnx)
        self._evict(keep=path)
        return read_engine(path)

    def _evict(self, keep: Path) -> None:
        with contextlib.suppress(FileNotFoundError):  # another process tidies up as well
            entries = sorted(self._folder.glob("*.trt"), key=lambda path: path.stat().st_mtime)
            num_bytes = sum(path.stat().st_size for path in entries)
            for path in entries:
                if num_bytes <= self._max_bytes:
                    return
                if path != keep:
                    num_bytes -= path.stat().st_size
                    path.unlink()
