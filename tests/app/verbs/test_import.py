from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from app.cli import EXIT_FAILED, main
from events.representations import red_blue
from export.onnx_card import read_card
from models.model_file import load_model


def write_checkpoint(path: Path) -> Path:
    """Write an encoder as GEP's public code saves it, of one block."""
    width, patch = 64, 14
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "mask_token": (1, width),
        "register_tokens": (1, 4, width),
        "pos_embed": (1, 10, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
        "blocks.0.attn.qkv.weight": (3 * width, width),
        "blocks.0.attn.qkv.bias": (3 * width,),
        "blocks.0.attn.proj.weight": (width, width),
        "blocks.0.mlp.fc1.weight": (4 * width, width),
        "blocks.0.mlp.fc1.bias": (4 * width,),
        "blocks.0.mlp.fc2.weight": (width, 4 * width),
    }
    for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"):
        shapes[f"blocks.0.{name}"] = (width,)
    for name in ("attn.proj.bias", "mlp.fc2.bias", "ls1.gamma", "ls2.gamma"):
        shapes[f"blocks.0.{name}"] = (width,)
    generator = torch.Generator().manual_seed(0)
    state = {name: 0.2 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    torch.save({"event_encoder": state, "epoch": 1}, path)
    return path


def test_a_published_checkpoint_becomes_an_engine_that_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = write_checkpoint(tmp_path / "gra.pt")
    model, engine = tmp_path / "gep.safetensors", tmp_path / "gep.onnx"
    assert main(["import", "official", "gep", str(checkpoint), "-o", str(model)]) == 0
    said = capsys.readouterr().out
    assert "gep_64, 0.1 million weights" in said
    assert "left out: mask_token" in said
    _, card = load_model(model)
    assert card.encoder["kind"] == "dinov2"
    assert main(["export", str(model), "-o", str(engine), "--windows", "2"]) == 0
    assert read_card(engine).outputs == ("tokens",)
    arguments = ["run", "synthetic:0", "-o", str(tmp_path / "rows.jsonl"), "--engine", str(engine)]
    assert main([*arguments, "--arrays", str(tmp_path / "arrays"), "--max-windows", "2"]) == 0
    with np.load(tmp_path / "arrays" / "window_000001.npz") as window:
        assert window["tokens"].shape == (64, 16, 16)
        assert np.isfinite(window["tokens"]).all()


def test_the_authors_choices_can_be_changed(tmp_path: Path) -> None:
    checkpoint, model = write_checkpoint(tmp_path / "gra.pt"), tmp_path / "gep.safetensors"
    arguments = ["import", "official", "gep", str(checkpoint), "-o", str(model)]
    options = ["--data-set", "dsec", "--input-size", "70x42", "--window-us", "20000"]
    assert main([*arguments, *options]) == 0
    _, card = load_model(model)
    assert card.spec == red_blue.published("dsec")
    assert (card.input_width, card.input_height, card.window_us) == (70, 42, 20_000)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        (["--input-size", "70x40"], "must be multiples of 14 pixels for gep_64, got 70x40"),
        (["--data-set", "kitti"], "gep knows no data set 'kitti': choose from dsec"),
        (["--window-us", "0"], "window_us must be at least 1, got 0"),
    ],
)
def test_impossible_changes_are_refused(
    option: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, model = write_checkpoint(tmp_path / "gra.pt"), tmp_path / "gep.safetensors"
    arguments = ["import", "official", "gep", str(checkpoint), "-o", str(model), *option]
    assert main(arguments) == EXIT_FAILED
    assert reason in capsys.readouterr().err
    assert not model.exists()


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("gep.pt", "must be named *.safetensors"),
        ("nowhere/gep.safetensors", "no folder"),
        ("there.safetensors", "there.safetensors exists"),
    ],
)
def test_it_refuses_an_output_before_it_reads(
    output: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there.safetensors").touch()
    arguments = ["import", "official", "gep", str(tmp_path / "no.pt"), "-o", str(tmp_path / output)]
    assert main(arguments) == EXIT_FAILED
    assert reason in capsys.readouterr().err


def test_a_file_of_another_kind_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.pt").write_bytes(b"no checkpoint")
    output = str(tmp_path / "x.safetensors")
    arguments = ["import", "official", "clip_event", str(tmp_path / "x.pt"), "-o", output]
    assert main(arguments) == EXIT_FAILED
    error = capsys.readouterr().err
    assert error.startswith("saccade: ")
    assert error.count("\n") == 1
