"""Features of pictures or windows computed once and kept on disk, in shards of safetensors.

A shard holds consecutive rows and appears whole or not at all, so that what was interrupted goes on
at the first shard that is missing. One that holds other rows or names, as another version wrote it,
or that cannot be read, is made anew. Rows are read through memory maps.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.console import Console
from rich.progress import track
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from training.data.folder import DataError
from training.distributed import main_first

log = logging.getLogger(__name__)

NUM_COMPARED = 16
"""Pictures that are looked at to tell sets apart."""
Rows = Mapping[str, npt.NDArray[Any]]
"""Arrays of equal length, by name."""


def cache_folder(what: str, **key: object) -> Path:
    """Return the folder for features of ``what``; another ``key`` is another folder.

    The key must say all that decides a feature: the teacher's fingerprint, the data, how pictures
    are prepared.
    """
    text = repr(sorted((name, str(value)) for name, value in key.items()))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return home / "saccade" / "features" / f"{what}-{digest}"


def pictures_digest(picture: Callable[[int], Image.Image], num_pictures: int) -> str:
    """Return what tells a set of pictures from another: their number, and some of them."""
    digest = hashlib.sha256(str(num_pictures).encode())
    for i in np.linspace(0, num_pictures - 1, min(num_pictures, NUM_COMPARED)).astype(int):
        pixels = np.asarray(picture(int(i)))
        digest.update(repr(pixels.shape).encode() + pixels.tobytes())
    return digest.hexdigest()[:16]


def picture_cache(
    what: str,
    names: tuple[str, ...],
    picture: Callable[[int], Image.Image],
    num_pictures: int,
    shard_rows: int = 512,
    **key: object,
) -> FeatureCache:
    """Return the cache of features of a set's pictures, yet to be filled.

    Args:
        what: Of whom by whom, for the folder's name.
        names: Of the features.
        picture: Returns a picture by its number.
        num_pictures: How many there are.
        shard_rows: Pictures of one file.
        key: What else decides a feature, such as the teacher's fingerprint; see cache_folder.
    """
    folder = cache_folder(what, data=pictures_digest(picture, num_pictures), **key)
    return FeatureCache(folder=folder, names=names, num_rows=num_pictures, shard_rows=shard_rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureCache:
    """Named features of ``num_rows`` things, in one folder."""

    folder: Path
    names: tuple[str, ...]
    num_rows: int
    shard_rows: int = 512

    def __post_init__(self) -> None:
        if self.num_rows < 1 or self.shard_rows < 1:
            raise ValueError(
                f"a cache needs at least 1 row, got {self.num_rows} in shards of {self.shard_rows}"
            )

    @main_first
    def fill(self, compute: Callable[[range], Rows]) -> None:
        """Compute and write every shard that is not there yet; of several processes, the main one.

        Args:
            compute: Returns the features of some rows, in order.

        Raises:
            DataError: the folder cannot be written to, for instance because the disk is full.
        """
        missing = [rows for rows in self._shards() if not self._is_there(rows)]
        if not missing:
            return
        log.info("features for %s: %d shards to compute", self.folder.name, len(missing))
        console = Console(stderr=True)
        bar = track(missing, "features", console=console, disable=not console.is_terminal)
        for rows in bar:
            self._write(rows, compute(rows))

    def row(self, name: str, index: int) -> npt.NDArray[Any]:
        """Return feature ``name`` of one thing."""
        if not 0 <= index < self.num_rows:
            raise IndexError(f"row {index} of {self.num_rows}")
        start = index // self.shard_rows * self.shard_rows
        path = self._path(range(start, start + self.shard_rows))
        row: npt.NDArray[Any] = _open(path).get_slice(name)[index - start]
        return row

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return feature ``name`` of all things, (num_rows, ...), in memory."""
        return np.concatenate([_open(self._path(rows)).get_tensor(name) for rows in self._shards()])

    def _shards(self) -> Iterator[range]:
        for start in range(0, self.num_rows, self.shard_rows):
            yield range(start, min(start + self.shard_rows, self.num_rows))

    def _path(self, rows: range) -> Path:
        return self.folder / f"{rows.start:09d}.safetensors"

    def _is_there(self, rows: range) -> bool:
        path = self._path(rows)
        if not path.is_file():
            return False
        try:
            with safe_open(path, framework="numpy") as shard:
                held = shard.keys()
                sizes = {name: shard.get_slice(name).get_shape()[0] for name in held}
        except (OSError, SafetensorError) as error:
            log.warning("%s cannot be read (%s): made anew", path, error)
            return False
        if sizes != dict.fromkeys(self.names, len(rows)):
            log.warning("%s holds %s: another version's, made anew", path, sizes or "nothing")
            return False
        return True

    def _write(self, rows: range, features: Rows) -> None:
        sizes = {name: len(values) for name, values in features.items()}
        assert sizes == dict.fromkeys(self.names, len(rows)), f"{rows} of {self.names}: {sizes}"
        content = save({name: np.ascontiguousarray(values) for name, values in features.items()})
        path = self._path(rows)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            os.replace(part, path)
            _open.cache_clear()
        except OSError as error:
            part.unlink(missing_ok=True)
            raise DataError(
                f"cannot write {len(content) / 1e6:.0f} MB of features to {path}: "
                f"{error.strerror}; make room, or set XDG_CACHE_HOME to another disk (of packed "
                "windows, --data.folder)"
            ) from None


@functools.lru_cache(maxsize=4096)
def _open(path: Path) -> Any:
    """Open a shard once for each process; its pages are shared and read when touched."""
    try:
        return safe_open(path, framework="numpy").__enter__()  # type: ignore[no-untyped-call]
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} cannot be read ({error}): delete it to have it anew") from None
