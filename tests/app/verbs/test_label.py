from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tiny_engine import tiny_card, tiny_module
from tiny_teachers import SIZE, clip_teacher, dinov3_teacher

from app.cli import EXIT_FAILED, main
from events.representations.count_map import CountMapSpec
from models.card import ModelCard
from models.encoders import clip_vision
from models.heads.prompted import Prompted
from models.model_file import load_model, save_model
from models.perception import Perception, describe_encoder

WORDS = ["a", "photo", "of", "ball", "crate", "cone"]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("label") / "teacher"
    clip_teacher(folder, WORDS)
    return folder


@pytest.fixture(scope="module")
def model(teacher: Path) -> Path:
    """An encoder that starts as its teacher's image tower."""
    config = clip_vision.Config.matching(str(teacher))
    card = ModelCard(
        name="tower",
        spec=CountMapSpec(),
        window_us=50_000,
        stride_us=20_000,
        input_height=SIZE,
        input_width=SIZE,
        tasks=(),
        encoder=describe_encoder(config),
    )
    module = Perception(card)
    config.load_initial(module.encoder)
    path = teacher.parent / "tower.safetensors"
    save_model(path, module.eval(), card)
    return path


def label(model: Path, teacher: Path, output: Path, *more: str) -> int:
    labels = [] if "--labels-of" in more else ["--labels", "ball", "crate", "cone"]
    return main(["label", str(model), "--teacher", str(teacher), *labels, *more, "-o", str(output)])


def test_words_become_an_engine_that_says_them(
    model: Path, teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labelled, engine, rows = (tmp_path / f"toys.{end}" for end in ("safetensors", "onnx", "jsonl"))
    assert label(model, teacher, labelled) == 0
    assert "recognises 3 labels: ball, crate, cone" in capsys.readouterr().out
    assert main(["export", str(labelled), "-o", str(engine), "--windows", "2"]) == 0
    arguments = ["run", "synthetic:0", "-o", str(rows), "--engine", str(engine)]
    assert main([*arguments, "--max-windows", "2"]) == 0
    first = json.loads(rows.read_text().splitlines()[0])
    assert {said["label"] for said in first["recognition"]} == {"ball", "crate", "cone"}


def test_prompt_and_scale_reach_the_head(model: Path, teacher: Path, tmp_path: Path) -> None:
    for name, more in (("plain", ()), ("other", ("--prompt", "{label}", "--scale", "7"))):
        assert label(model, teacher, tmp_path / f"{name}.safetensors", *more) == 0
    heads = []
    for name in ("plain", "other"):
        head = load_model(tmp_path / f"{name}.safetensors")[0].heads["recognition"]
        assert isinstance(head, Prompted)
        heads.append(head)
    assert heads[0].scale.item() == pytest.approx(1 / 0.07, rel=1e-2)  # an untrained teacher's own
    assert heads[1].scale.item() == 7
    assert not torch.allclose(heads[0].texts_KE, heads[1].texts_KE)


def test_the_labels_of_a_data_set_can_be_taken(
    model: Path, teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "kinds.safetensors"
    assert label(model, teacher, output, "--labels-of", "synthetic") == 0
    assert "ball, crate" in capsys.readouterr().out
    assert "ball" in load_model(output)[1].recognition_labels


def test_what_cannot_be_labelled_is_one_line(
    model: Path, teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(tmp_path / "plain.safetensors", tiny_module(tiny_card()), tiny_card())
    dinov3_teacher(tmp_path / "mute")
    output = tmp_path / "x.safetensors"
    for arguments, says in (
        ((tmp_path / "plain.safetensors", teacher, output), "tiny shares no space with text"),
        ((model, tmp_path / "mute", output), "knows no text"),
        ((model, teacher, tmp_path / "x.onnx"), "must be named *.safetensors"),
        ((model, teacher, output, "--prompt", "cat"), "--prompt must contain {label}"),
        ((model, teacher, output, "--scale", "0"), "--scale must be above 0"),
        ((model, teacher, model), "choose another name or give --overwrite"),
    ):
        assert label(*arguments) == EXIT_FAILED
        assert says in capsys.readouterr().err
    assert not output.exists()
