"""`saccade data` names the data sets and what is wrong with their files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dataset_layouts import LAYOUTS

from app import cli
from training.data.catalogue import dataset_names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("n_cars", "n_mnist", "imagenet1k"):
        LAYOUTS[name].write(tmp_path)
    return tmp_path


def lines_of(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return what was printed of each data set, by its name; of problems by their first word."""
    lines = capsys.readouterr().out.splitlines()
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}


def test_list_names_every_data_set_and_its_layout(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "list"]) == 0
    said = lines_of(capsys)
    assert sorted(said) == dataset_names()
    assert said["n_cars"] == "N-Cars/n-cars_{train,test}/{cars,background}/*.dat"
    assert said["synthetic"] == "made without files"
    assert cli.main(["data", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_cars"] == said["n_cars"]


def test_check_counts_what_is_there_and_names_what_is_not(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["data", "check", str(root)]) == 0
    said = lines_of(capsys)
    assert sorted(said) == dataset_names()
    assert said["n_cars"] == "found train 4 (background 2, cars 2); val 2 (background 1, cars 1)"
    assert said["synthetic"] == "made"
    assert said["dvs_gesture"].startswith(f"missing no {root}/DvsGesture")


def test_a_corrupt_file_makes_the_exit_code_one_and_is_named(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / "N-Cars" / "n-cars_train" / "cars" / "obj_000001_td.dat"
    path.write_bytes(path.read_bytes()[:-3])
    one = ["data", "check", str(root), "--set", "n_cars"]
    assert cli.main(one) == 0  # its start is well
    capsys.readouterr()
    assert cli.main([*one, "--deep"]) == 1
    said = lines_of(capsys)
    assert said["n_cars"].startswith("corrupt train 3 (background 2, cars 1)")
    assert said["corrupt:"] == f"{path} is damaged: 5 bytes skipped"


def test_a_set_whose_files_are_missing_is_incomplete(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    LAYOUTS["dvs_gesture"].write(root)
    path = root / "DvsGesture" / "user24_led.aedat"
    path.unlink()
    assert cli.main(["data", "check", str(root), "--set", "dvs_gesture"]) == 1
    said = lines_of(capsys)
    assert said["dvs_gesture"].startswith("incomplete")
    assert said["missing:"] == f"{path} no such file"


def test_check_prints_json_for_programs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "N-Cars/n-cars_test/cars/obj_000000_td.dat").write_bytes(b"")
    arguments = ["data", "check", str(root), "--json", "--set", "n_cars", "--set", "asl_dvs"]
    assert cli.main(arguments) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["asl_dvs"]["state"] == "missing"
    assert said["n_cars"]["found"] == {"train": 4, "val": 1}
    assert said["n_cars"]["labels"]["train"] == {"background": 2, "cars": 2}
    assert [each["state"] for each in said["n_cars"]["problems"]] == ["corrupt"]


def test_an_unknown_set_or_folder_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["data", "check", str(tmp_path), "--set", "n_car"]) == 1
    assert "no data set 'n_car': choose from" in capsys.readouterr().err
    assert cli.main(["data", "check", str(tmp_path / "not")]) == 1
    assert capsys.readouterr().err.startswith(f"saccade: no folder {tmp_path / 'not'}")
