from __future__ import annotations

import av
import pytest

from app.cli import main


def test_headless_it_sums_up_and_films_truth_and_prediction(tmp_path, tiny_engine, capsys):
    film = tmp_path / "demo.mp4"
    arguments = ["demo", "--engine", str(tiny_engine), "--provider", "cpu", "-o", str(film)]
    assert main([*arguments, "--seconds", "0.3", "--headless"]) == 0
    said = capsys.readouterr().out
    for word in ("tiny on", "windows compared", "segmentation mIoU", "depth AbsRel", str(film)):
        assert word in said
    with av.open(str(film)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) >= 10
    assert (frames[0].width, frames[0].height) == (696, 568)


@pytest.mark.parametrize(
    "arguments", [["--seed", "-1"], ["--seconds", "0"], ["--seconds", "soon"], ["--size", "x"]]
)
def test_wrong_options_are_bad_usage(arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["demo", *arguments])
    assert stopped.value.code == 2


def test_a_film_must_be_an_mp4(tmp_path, capsys):
    assert main(["demo", "--headless", "-o", str(tmp_path / "film.avi")]) == 1
    assert "must be named *.mp4" in capsys.readouterr().err


def test_a_film_that_exists_is_kept_unless_told(tmp_path, tiny_engine, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = ["--engine", str(tiny_engine), "--provider", "cpu", "--seconds", "0.1"]
    film, default = tmp_path / "film.mp4", tmp_path / "saccade-demo.mp4"
    for path in (film, default):
        path.write_text("mine")
    assert main(["demo", *engine, "-o", "film.mp4"]) == 1
    assert "film.mp4 exists: choose another name or give --overwrite" in capsys.readouterr().err
    assert film.read_text() == "mine"
    for arguments, path in ((["-o", "film.mp4", "--overwrite"], film), (["--headless"], default)):
        assert main(["demo", *engine, *arguments]) == 0
        assert path.read_bytes() != b"mine"


def test_the_engine_that_ships_agrees_with_the_truth(tmp_path, capsys):
    assert main(["demo", "--seconds", "0.5", "-o", str(tmp_path / "demo.mp4")]) == 0
    assert "kind of the dominant object" in capsys.readouterr().out
