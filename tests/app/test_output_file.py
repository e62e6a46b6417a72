from __future__ import annotations

from pathlib import Path

import pytest

from app.cli import UserError
from app.output_file import check_suffix, check_writable


def test_a_new_file_in_a_folder_that_is_there_can_be_written(tmp_path: Path) -> None:
    check_suffix(tmp_path / "a.onnx", "the engine", ".onnx")
    check_writable(tmp_path / "a.onnx", overwrite=False)


def test_the_name_says_what_is_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the engine must be named \*\.onnx, got .*a.bin"):
        check_suffix(tmp_path / "a.bin", "the engine", ".onnx")


def test_what_is_there_stays_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.touch()
    with pytest.raises(UserError, match=r"a\.onnx exists: choose another name or give --overwrite"):
        check_writable(path, overwrite=False)
    check_writable(path, overwrite=True)


def test_a_folder_is_no_file_and_a_missing_one_holds_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder: give a file's name"):
        check_writable(tmp_path, overwrite=True)
    with pytest.raises(UserError, match=r"no folder .*nowhere: make it first"):
        check_writable(tmp_path / "nowhere" / "a.onnx", overwrite=True)
