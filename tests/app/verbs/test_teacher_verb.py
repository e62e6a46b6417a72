from __future__ import annotations

from pathlib import Path

import pytest
from tiny_teacher_folders import write_folder

from app.cli import EXIT_FAILED, main


def test_a_teacher_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_folder(tmp_path, "dinov2_with_registers", seed=1)
    assert main(["teacher", str(folder), "--no-scores"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("dinov2_with_registers, tokens of width 16 for patches of 8 pixels, ")
    assert main(["teacher", str(folder), "--no-scores", "--random"]) == 0
    assert capsys.readouterr().out.split()[-1] != said.split()[-1]


def test_a_teacher_that_cannot_be_had_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["teacher", "/nowhere/teacher"]) == EXIT_FAILED
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "/nowhere/teacher" in said
