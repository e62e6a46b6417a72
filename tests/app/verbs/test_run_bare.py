"""`saccade run` with an encoder without heads."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from app.cli import main


def test_an_encoder_without_heads_gives_figures_arrays_and_a_film_of_its_tokens(
    bare_engine: Path, tmp_path: Path
) -> None:
    given = [
        "run", "synthetic:0", "--engine", bare_engine, "--provider", "cpu", "--max-windows", 3,
        "-o", tmp_path / "o", "--arrays", tmp_path / "arrays", "--video", tmp_path / "o.mp4",
    ]  # fmt: skip
    assert main([str(argument) for argument in given]) == 0
    rows = [json.loads(line) for line in (tmp_path / "o").read_text().splitlines()]
    assert len(rows) == 3
    assert rows[0]["recognition"] is rows[0]["segmentation"] is rows[0]["depth_m"] is None
    assert rows[0]["tokens"]["grid"] == [8, 12]
    assert rows[0]["tokens"]["width"] == 24
    assert rows[0]["tokens"]["mean_norm"] > 0
    assert 0 < rows[0]["tokens"]["cosine_to_mean"] <= 1
    with np.load(tmp_path / "arrays" / "window_000000.npz") as window:
        assert window["tokens"].shape == (24, 8, 12)
    with av.open(str(tmp_path / "o.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 3
    height, width = frames[0].shape[:2]
    assert width > 2 * height * 0.9  # events, tokens beside them
    tokens = frames[0][: height - 24, width // 2 + 4 :].astype(int)
    assert np.ptp(tokens, axis=2).mean() > 30  # colours, not the dark ground


def test_the_film_of_a_demo_needs_predictions(
    bare_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "demo.mp4"
    assert main(["demo", "--engine", str(bare_engine), "-o", str(film)]) == 1
    assert "bare has no heads" in capsys.readouterr().err
    assert not film.exists()
