from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli import main
from models.model_file import load_card

TINY = [
    "--stages.0.steps", "2", "--stages.0.batch-size", "2", "--stages.0.height", "32",
    "--stages.0.width", "32", "--encoder.num-attention-heads", "4",
]  # fmt: skip


def test_train_then_eval_a_recipe_with_fields_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "smoke", *TINY, "--seed", "5"]) == 0
    model = Path(capsys.readouterr().out.strip())
    assert model == Path("out/smoke/model.safetensors")
    card = load_card(model)
    assert (card.input_height, card.input_width) == (32, 32)
    assert card.encoder["num_attention_heads"] == 4
    assert card.provenance["command"].startswith("saccade train smoke --stages.0.steps 2")
    assert card.provenance["command"].endswith("--seed 5")

    arguments = ["eval", str(model), "synthetic", "--max-windows", "2", "--sensor", "32x32"]
    assert main([*arguments, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["synthetic"]["num_windows"] == 2
    assert "miou_percent" in figures["synthetic"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("synthetic (2 windows): ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "imagenet22k"], "no recipe 'imagenet22k': there are clip_event"),
        (["train", "smoke", "--device", "cuda:7"], "no CUDA"),
        (["eval", "nowhere.safetensors", "synthetic"], "no model file nowhere.safetensors"),
        (["eval", "x.safetensors", "synthetic", "--stream", "1"], "--stream must be at least 2"),
        (["eval", "x.safetensors", "synthetic", "--stream", "4", "--probe"], "without --probe"),
    ],
)
def test_bad_use_is_one_line(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_any_data_set_is_drawn_where_the_command_line_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    others = ["tiny-imagenet", "camvid", "seven-scenes"]
    unused = [word for name in others for word in (f"--data.shares.{name}", "0")]
    chosen = ["--data.shares.n-caltech101", "1", "--data.root", "nowhere"]
    assert main(["train", "gep_align", *chosen, *unused]) == 1
    assert "no nowhere/" in capsys.readouterr().err
    recipe = json.loads((tmp_path / "out/gep_align/recipe.json").read_text())
    assert recipe["data"]["shares"] == {"n_caltech101": 1}

    assert main(["train", "smoke", *TINY, "-o", "out/gep_align"]) == 0, "it held no step"
    assert main(["train", "smoke", *TINY, "-o", "out/gep_align"]) == 1
    assert "holds a run already" in capsys.readouterr().err


def test_a_misspelt_data_set_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["train", "smoke", "--data.shares.nmnist-smal", "1"])
    assert "--data.shares.nmnist-small" in capsys.readouterr().err


def test_a_sensor_that_is_no_size_is_answered_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["eval", "nowhere.safetensors", "synthetic", "--sensor", "big"])
    assert stop.value.code == 2
    assert "a size is WIDTHxHEIGHT, such as 640x480, got 'big'" in capsys.readouterr().err
