from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_source import random_packets
from tiny_engine import tiny_card, tiny_module

from app.cli import UserError, main
from events.packet import SensorSize
from events.recordings.aedat4_writer import Aedat4Writer
from events.sources.source import Source
from events.sources.synthetic import SyntheticSource
from export import calibration, variant
from export.calibration import Calibration
from export.onnx_card import read_card
from models.card import ModelCard
from models.model_file import save_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(path, tiny_module(tiny_card()), tiny_card())
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "random.aedat4"
    with Aedat4Writer(path, SensorSize(64, 48), "random") as writer:
        for packet in random_packets(20, sensor=SensorSize(64, 48)):
            writer.write(packet)
    return path


def test_an_engine_that_agrees_is_written_with_its_card(
    model: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.onnx"
    arguments = ["export", str(model), "-o", str(out), "--recording", str(recording)]
    assert main([*arguments, "--windows", "5"]) == 0
    card = read_card(out)
    assert card.parity["input"] == str(recording)
    assert card.parity["num_windows"] == 5
    assert card.parity["max_abs_error"] < 1e-3
    assert card.provenance["export"] == {"opset": 20}
    assert replace(card, parity={}, provenance={}) == tiny_card()
    assert "5 windows, max abs error" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [out]
    assert main(arguments) == 1
    assert "exists" in capsys.readouterr().err


def test_an_engine_can_keep_its_weights_in_half_precision(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = tmp_path / "half.safetensors", tmp_path / "x.onnx"
    save_model(model, tiny_module(tiny_card()).half().float(), tiny_card())
    arguments = ["export", str(model), "-o", str(out), "--recording", str(recording)]
    assert main([*arguments, "--windows", "2", "--compact"]) == 0
    share = read_card(out).provenance["export"]["kept_as_fp16"]
    assert f"{share:.1%} of the weights lose nothing in half precision" in capsys.readouterr().err
    assert main(["export", str(out), "--check", "--model", str(model), "--compact"]) == 1
    assert "--compact is of an engine to write" in capsys.readouterr().err


def test_an_engine_can_take_another_size_of_input(
    model: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.onnx"
    arguments = ["export", str(model), "-o", str(out), "--recording", str(recording)]
    assert main([*arguments, "--windows", "2", "--input-size", "128x96"]) == 0
    card = read_card(out)
    assert (card.input_width, card.input_height) == (128, 96)
    assert main([*arguments, "--overwrite", "--input-size", "100x96"]) == 1
    assert "must be multiples of 32 pixels for tiny, got 100x96" in capsys.readouterr().err


def test_an_engine_can_take_raw_events_and_decode_its_outputs(
    model: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.onnx"
    arguments = ["export", str(model), "-o", str(out), "--recording", str(recording)]
    sizes = ["--windows", "3", "--events", "80x60"]  # not the recording's: it is brought to it
    assert main([*arguments, *sizes, "--decoded"]) == 0
    card = read_card(out)
    assert (card.input, card.sensor, card.is_decoded) == ("events", (80, 60), True)
    assert "segmentation agrees 100.000%" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--decoded"]) == 1
    assert "--decoded needs the sensor: give --events WxH too" in capsys.readouterr().err


def test_an_engine_that_disagrees_is_not_written(
    model: Path,
    recording: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = variant.export_graph

    def wrong(module: object, card: ModelCard, **options: int) -> object:
        return right(tiny_module(tiny_card(), seed=1), card, **options)

    monkeypatch.setattr(variant, "export_graph", wrong)
    arguments = [
        "export",
        str(model),
        "-o",
        str(tmp_path / "x.onnx"),
        "--recording",
        str(recording),
    ]
    assert main(arguments) == 1
    assert "was not written, it disagrees with the model" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.safetensors", "-o", "{folder}/x.onnx"], "no model file gone.safetensors"),
        (["gone.safetensors", "-o", "{folder}/no/x.onnx"], "make it first"),
        (["gone.safetensors", "-o", "{folder}/x.bin"], "must be named *.onnx or *.trt"),
        (
            ["gone.safetensors", "-o", "{folder}/x.onnx", "--compute-capability", "8.6"],
            "--compute-capability goes with *.trt",
        ),
        (["gone.safetensors"], "give the engine to write with -o FILE.onnx, or --check one"),
        (["gone.safetensors", "-o", "{folder}/x.onnx", "--calibration", "a"], "add --int8"),
        (["gone.safetensors", "-o", "{folder}/x.onnx", "--for", "tensorrt"], "add --int8"),
        (["gone.safetensors", "-o", "{folder}/x.onnx", "--model", "m"], "engine to --check"),
        (
            ["gone", "-o", "{folder}/x.onnx", "--int8", "--for", "tensorrt", "--opset", "18"],
            "int8 for TensorRT needs opset 19 or 20, got 18",
        ),
        (["gone", "-o", "{folder}/x.onnx", "--provider", "auto"], "--provider is of an engine to"),
        (["gone.onnx", "--check", "-o", "{folder}/x.onnx"], "-o is of an engine to write"),
        (["gone.onnx", "--check", "--fp16"], "--fp16 is of an engine to write, and --check writes"),
        (["gone.onnx", "--check", "--int8-budget", "0"], "--int8-budget is of an engine to write"),
        (["gone.onnx", "--check", "--opset", "20"], "--opset is of an engine to write"),
        (["gone", "-o", "{folder}/x.trt", "--int8", "--for", "cpu"], "--for cpu is of .onnx"),
        (["gone", "-o", "{folder}/x.onnx", "--int8", "--int8-budget", "0"], "must be above 0"),
        (["gone.onnx", "--check"], "no engine file gone.onnx"),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *(part.format(folder=tmp_path) for part in arguments)]) == 1
    errors = capsys.readouterr().err.strip().splitlines()
    assert message in errors[-1]
    assert list(tmp_path.iterdir()) == []


def test_int8_is_calibrated_on_recordings_of_the_sensor_that_was_given(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = tmp_path / "a.txt"
    recording.write_text("".join(f"0.{i:03} {i % 50} {i % 40} 1\n" for i in range(400)))
    sensors: list[SensorSize] = []

    def read(
        inputs: Sequence[str], card: ModelCard, open_source: Callable[[str], Source]
    ) -> Calibration:
        for name in inputs:
            with open_source(name) as source:
                sensors.append(source.sensor)
        raise UserError("that is all")

    monkeypatch.setattr(calibration, "read_calibration", read)
    arguments = ["export", str(model), "-o", str(tmp_path / "x.onnx"), "--int8"]
    arguments += ["--calibration", str(recording), "synthetic:1", "--recording", str(recording)]
    assert main([*arguments, "--sensor", "60x45"]) == 1
    assert sensors == [SensorSize(60, 45), SyntheticSource().sensor]


def test_int8_is_calibrated_on_what_was_asked_for_and_reports_each_layer(
    model: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "x.onnx", tmp_path / "layers.json"
    arguments = ["export", str(model), "-o", str(out), "--recording", str(recording), "--int8"]
    arguments += ["--windows", "4", "--calibration", str(recording), "--report", str(report)]
    assert main([*arguments, "--int8-budget", "0.05"]) == 0
    card = read_card(out)
    assert card.precision == "int8"
    int8 = card.provenance["export"]["int8"]
    assert int8["calibration"]["inputs"] == [str(recording)]
    assert int8["calibration"]["num_windows"] > int8["calibration"]["num_held_out"] > 0
    rows = json.loads(report.read_text())["int8"]["layers"]
    kept = {row["layer"] for row in rows if row["precision"] == "fp32"}
    assert set(int8["kept"]) == kept
    assert 0 < len(kept) < len(rows) == int8["num_layers"]
    said = capsys.readouterr().err
    assert "kept in floating point: it gives an output" in said
    assert f"calibrating int8 on {recording}" in said


def test_an_engine_of_any_size_is_run_at_another(
    model: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.onnx"
    arguments = ["export", str(model), "-o", str(out), "--recording", str(recording)]
    assert main([*arguments, "--windows", "2", "--dynamic"]) == 0
    card = read_card(out)
    assert card.is_dynamic
    assert card.size_multiple == 32
    check = ["export", str(out), "--check", "--model", str(model), "--recording", str(recording)]
    assert main([*check, "--windows", "2", "--input-size", "128x96"]) == 0
    run = ["run", str(recording), "--engine", str(out), "--provider", "cpu", "-o", "-"]
    assert main([*run, "--max-windows", "1", "--input-size", "64x32"]) == 0
    capsys.readouterr()
    assert main([*run, "--max-windows", "1", "--input-size", "65x32"]) == 1
    assert "takes multiples of 32 pixels, got 65x32" in capsys.readouterr().err
