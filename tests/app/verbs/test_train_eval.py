from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_engine import tiny_card, tiny_module

from app.cli import main
from export.onnx_graph import write_onnx
from models.model_file import load_card, save_model
from training.data.catalogue import joint_labels, load_dataset

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


def test_an_engine_scores_as_its_model_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recognition, segmentation = joint_labels([load_dataset("synthetic")])
    card = replace(
        tiny_card(), recognition_labels=recognition, segmentation_labels=segmentation
    )  # fmt: skip
    module = tiny_module(card)
    save_model(tmp_path / "x.safetensors", module, card)
    write_onnx(module, card, tmp_path / "x.onnx")
    options = ["synthetic", "--max-windows", "3", "--sensor", "96x64", "--json"]
    figures = []
    for suffix in ("safetensors", "onnx"):
        assert main(["eval", str(tmp_path / f"x.{suffix}"), *options]) == 0
        figures.append(json.loads(capsys.readouterr().out)["synthetic"])
    of_model, of_engine = figures
    assert of_engine.keys() == of_model.keys()
    for name in ("num_windows", "top1_percent", "miou_percent", "abs_rel"):
        assert of_engine[name] == pytest.approx(of_model[name], rel=1e-3), name

    for name, option in {"x.onnx": "--probe", "x.safetensors": "--provider=cpu"}.items():
        assert main(["eval", str(tmp_path / name), *options, option]) == 1
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("change", [{"is_streaming": True}, {"tasks": ()}])
def test_an_engine_whose_windows_cannot_be_judged_alone_is_measured_by_its_model(
    change: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heads = {"recognition_labels": (), "segmentation_labels": ()} if "tasks" in change else {}
    temporal = {"temporal": {"kind": "conv_recurrent"}} if "is_streaming" in change else {}
    card = replace(tiny_card(), **change, **heads, **temporal)
    write_onnx(tiny_module(card), card, tmp_path / "x.onnx")
    assert main(["eval", str(tmp_path / "x.onnx"), "synthetic", "--max-windows", "1"]) == 1
    assert "measure the .safetensors that it was made of" in capsys.readouterr().err


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
