from __future__ import annotations

import multiprocessing
import pickle
from multiprocessing.connection import Connection
from pathlib import Path

import h5py
import numpy as np
import pytest

from training.data.open_files import OpenFiles


class Noted:
    """A file that counts how often its kind was opened and closed."""

    opened: list[Path]
    closed: list[Path]

    def __init__(self, path: Path) -> None:
        self.path = path
        Noted.opened.append(path)

    def close(self) -> None:
        Noted.closed.append(self.path)


@pytest.fixture(autouse=True)
def nothing_noted() -> None:
    Noted.opened, Noted.closed = [], []


def test_a_file_is_opened_once_and_the_one_unused_for_longest_closed() -> None:
    files = OpenFiles(Noted, most=2)
    a, b, c = Path("a"), Path("b"), Path("c")
    for path in (a, b, a, c):
        assert files.get(path).path == path
    assert Noted.opened == [a, b, c]
    assert Noted.closed == [b]
    assert len(files) == 2


def test_closed_files_are_opened_again_when_they_are_asked_for() -> None:
    files = OpenFiles(Noted)
    files.get(Path("a"))
    files.close()
    assert Noted.closed == [Path("a")]
    files.get(Path("a"))
    assert Noted.opened == [Path("a"), Path("a")]


def test_pickled_files_are_closed_ones() -> None:
    files = OpenFiles(Noted)
    files.get(Path("a"))
    assert len(pickle.loads(pickle.dumps(files))) == 0
    assert len(files) == 1


def read_as_worker(files: OpenFiles[h5py.File], path: Path, end: Connection) -> None:
    parent_s = files._files[path]
    own = files.get(path)
    end.send((own is not parent_s, np.asarray(own["values"][1000:1003]).tolist()))


def test_a_forked_process_opens_files_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "values.h5"
    with h5py.File(path, "w") as file:
        file["values"] = np.arange(2000)
    files = OpenFiles(h5py.File)
    assert files.get(path)["values"][5] == 5
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    worker = context.Process(target=read_as_worker, args=(files, path, there))
    worker.start()
    is_own, values = here.recv()
    worker.join(10)
    assert is_own
    assert values == [1000, 1001, 1002]
    assert files.get(path)["values"][7] == 7
    files.close()
