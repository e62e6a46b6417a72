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


def test_the_engine_that_ships_agrees_with_the_truth(tmp_path, capsys):
    assert main(["demo", "--seconds", "0.5", "-o", str(tmp_path / "demo.mp4")]) == 0
    assert "kind of the dominant object" in capsys.readouterr().out
