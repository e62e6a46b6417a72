from __future__ import annotations

import os
from pathlib import Path

import pytest
from tiny_engine import tiny_card
from trt_files import key_of

from export.backends.backend import EngineError
from export.trt.cache import EngineCache

ONNX = b"graph"
PLAN = b"plan" * 1000


def add(cache: EngineCache, version: str, used_s: int | None = None) -> Path:
    path = cache.add(key_of(ONNX, version=version), tiny_card(), PLAN, ONNX).path
    if used_s is not None:
        os.utime(path, (used_s, used_s))
    return path


def test_what_was_built_is_found_and_all_else_is_missed(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "new" / "engines")
    assert cache.find(key_of(ONNX)) is None
    cache.add(key_of(ONNX), tiny_card(), PLAN, ONNX)
    found = cache.find(key_of(ONNX))
    assert found is not None
    assert (found.read_plan(), found.card) == (PLAN, tiny_card())
    assert cache.find(key_of(ONNX, compute_capabilities=("8.9",))) is None
    assert cache.find(key_of(b"another graph")) is None


def test_a_damaged_entry_is_removed_and_built_again(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    path = add(cache, "1")
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:20], b"", whole[:-9] + b"!" + whole[-8:]):
        path.write_bytes(content)
        assert cache.find(key_of(ONNX, version="1")) is None
        assert not path.exists()
    assert add(cache, "1") == path
    assert cache.find(key_of(ONNX, version="1")) is not None


def test_an_entry_under_another_name_is_not_believed(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    os.replace(add(cache, "1"), cache.path_of(key_of(ONNX, version="2")))
    assert cache.find(key_of(ONNX, version="2")) is None


def test_the_entries_used_longest_ago_go_first(tmp_path: Path) -> None:
    unbound = EngineCache(tmp_path)
    first, second = add(unbound, "1", used_s=1000), add(unbound, "2", used_s=2000)
    assert unbound.find(key_of(ONNX, version="1"))  # it is used now
    third = add(EngineCache(tmp_path, max_bytes=2 * first.stat().st_size), "3")
    assert set(tmp_path.iterdir()) == {first, third}
    assert not second.exists()


def test_the_newest_stays_however_small_the_limit(tmp_path: Path) -> None:
    add(EngineCache(tmp_path), "1")
    newest = add(EngineCache(tmp_path, max_bytes=1), "2")
    assert list(tmp_path.iterdir()) == [newest]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EngineError, match=r"cannot make .*engines"):
        add(EngineCache(tmp_path / "file" / "engines"), "1")


def test_the_folder_is_where_the_user_keeps_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert add(EngineCache(), "1").parent == tmp_path / "saccade" / "engines"
