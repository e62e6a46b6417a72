from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data.features import FeatureCache, Rows, cache_folder, pictures_digest
from training.data.folder import DataError


def cache_of(folder: Path, **sizes: int) -> FeatureCache:
    return FeatureCache(folder=folder, names=("number", "table"), **sizes)


def counting(calls: list[range]) -> Callable[[range], Rows]:
    """Return a computation that notes what it is asked for."""

    def compute(rows: range) -> Rows:
        calls.append(rows)
        numbers = np.array(rows, np.float32)
        return {"number": numbers, "table": np.tile(numbers[:, None, None], (1, 2, 3))}

    return compute


def test_rows_come_back_as_they_were_computed(tmp_path: Path) -> None:
    cache = cache_of(tmp_path / "new", num_rows=10, shard_rows=4)
    calls: list[range] = []
    cache.fill(counting(calls))
    assert calls == [range(4), range(4, 8), range(8, 10)]
    np.testing.assert_array_equal(cache.column("number"), np.arange(10, dtype=np.float32))
    np.testing.assert_array_equal(cache.row("table", 9), np.full((2, 3), 9, np.float32))


def test_a_full_cache_computes_nothing(tmp_path: Path) -> None:
    cache = cache_of(tmp_path, num_rows=5, shard_rows=2)
    cache.fill(counting([]))
    calls: list[range] = []
    cache.fill(counting(calls))
    assert calls == []


def test_an_interrupted_cache_goes_on_at_the_missing_shard(tmp_path: Path) -> None:
    cache = cache_of(tmp_path, num_rows=6, shard_rows=2)

    def stop_at_the_second(rows: range) -> Rows:
        if rows.start == 2:
            raise KeyboardInterrupt
        return counting([])(rows)

    with pytest.raises(KeyboardInterrupt):
        cache.fill(stop_at_the_second)
    calls: list[range] = []
    cache.fill(counting(calls))
    assert calls == [range(2, 4), range(4, 6)]
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"] * 3


def test_a_row_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    cache = cache_of(tmp_path, num_rows=3)
    cache.fill(counting([]))
    with pytest.raises(IndexError, match="row 3 of 3"):
        cache.row("number", 3)


def test_a_folder_that_takes_nothing_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache = cache_of(tmp_path, num_rows=3)
    with pytest.raises(DataError, match="No space left on device; make room, or set XDG_CACHE"):
        cache.fill(counting([]))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    cache = cache_of(tmp_path, num_rows=3)
    cache.fill(counting([]))
    (shard,) = tmp_path.iterdir()
    shard.write_bytes(b"none")
    with pytest.raises(DataError, match=f"{shard.name} cannot be read.*delete it"):
        cache.row("number", 0)


def test_a_damaged_shard_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = cache_of(tmp_path, num_rows=6, shard_rows=2)
    cache.fill(counting([]))
    shard = sorted(tmp_path.iterdir())[1]
    shard.write_bytes(b"none")
    calls: list[range] = []
    cache.fill(counting(calls))
    assert calls == [range(2, 4)]
    assert f"{shard} cannot be read" in caplog.text
    np.testing.assert_array_equal(cache.column("number"), np.arange(6, dtype=np.float32))


def test_what_another_version_kept_is_made_anew_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache_of(tmp_path, num_rows=6, shard_rows=6).fill(counting([]))
    calls: list[range] = []
    smaller = cache_of(tmp_path, num_rows=6, shard_rows=3)
    smaller.fill(counting(calls))
    assert calls == [range(3), range(3, 6)]
    np.testing.assert_array_equal(smaller.column("number"), np.arange(6, dtype=np.float32))
    more = FeatureCache(folder=tmp_path, names=("number", "other"), num_rows=6, shard_rows=3)
    more.fill(lambda rows: dict.fromkeys(more.names, np.array(rows)))
    assert more.row("other", 5) == 5
    assert caplog.text.count("another version's, made anew") == 3


def test_another_key_is_another_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    one = cache_folder("set", teacher="a", data=3)
    assert one == cache_folder("set", data=3, teacher="a")
    assert one.parent == tmp_path / "saccade" / "features"
    assert len({one, cache_folder("set", teacher="b", data=3), cache_folder("other", data=3)}) == 3


def test_no_rows_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1 row, got 0"):
        cache_of(tmp_path, num_rows=0)


def test_sets_of_other_pictures_have_other_digests() -> None:
    def shade(i: int) -> Image.Image:
        return Image.new("L", (4, 4), i)

    def shifted(i: int) -> Image.Image:
        return Image.new("L", (4, 4), i + 1)

    digests = {pictures_digest(shade, 40), pictures_digest(shade, 41), pictures_digest(shifted, 40)}
    assert len(digests) == 3
    assert pictures_digest(shade, 40) in digests
