from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_engine import tiny_card

from export.backends import onnxruntime
from export.backends.backend import EngineError
from export.onnx_graph import write_model
from models.card import METADATA_KEY, ModelCard

REPOSITORY = Path(__file__).resolve().parents[3]


def grid_of(card: ModelCard, seed: int = 0) -> np.ndarray:
    shape = (card.spec.num_channels, card.input_height, card.input_width)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def rewritten(engine_path: Path, folder: Path, **changes: object) -> Path:
    """Write the engine's graph with a card that says something else."""
    path = folder / "changed.onnx"
    write_model(onnx.load(engine_path), dataclasses.replace(tiny_card(), **changes), path)
    return path


def test_an_engine_knows_its_card_and_gives_the_shapes_it_says(tiny_engine: Path) -> None:
    engine = onnxruntime.load(tiny_engine, provider="cpu")
    assert engine.card == tiny_card()
    assert engine.provider == "CPU"
    assert engine.notes == ()
    outputs = engine.run(grid_of(engine.card))
    assert {task: output.shape for task, output in outputs.items()} == {
        "recognition": (1, 7),
        "segmentation": (1, 3, 16, 24),
        "depth": (1, 1, 16, 24),
    }


def test_equal_grids_give_equal_bytes(tiny_engine: Path) -> None:
    grids = [grid_of(tiny_card(), seed) for seed in range(3)]
    first, second = (onnxruntime.load(tiny_engine, provider="cpu") for _ in range(2))
    expected = [{k: v.tobytes() for k, v in first.run(grid).items()} for grid in grids]
    for _ in range(3):
        assert [{k: v.tobytes() for k, v in second.run(grid).items()} for grid in grids] == expected


def test_a_grid_of_another_shape_is_refused(tiny_engine: Path) -> None:
    engine = onnxruntime.load(tiny_engine, provider="cpu")
    with pytest.raises(ValueError, match=r"takes \(5, 64, 96\), got \(5, 64, 64\)"):
        engine.run(np.zeros((5, 64, 64), np.float32))


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_there_is_said(
    tiny_engine: Path, provider: str, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = onnxruntime.load(tiny_engine, provider=provider)
    if engine.provider.lower() != provider:
        assert len(engine.notes) == 1
        assert (
            f"running on {'the ' if engine.provider == 'CPU' else ''}{engine.provider}"
            in (engine.notes[0])
        )
    assert capfd.readouterr().err == ""


def test_auto_says_nothing_on_the_terminal(
    tiny_engine: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    onnxruntime.load(tiny_engine)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_an_unknown_provider_is_refused(tiny_engine: Path) -> None:
    with pytest.raises(EngineError, match="auto, cpu, cuda, tensorrt, got 'npu'"):
        onnxruntime.load(tiny_engine, provider="npu")


def test_running_an_engine_imports_no_torch(tiny_engine: Path) -> None:
    script = f"""
        import sys
        import numpy as np
        from app.engines import load_engine
        from events.packet import SensorSize
        from events.representations.letterbox import Letterbox
        from models.decode import decode

        engine = load_engine({str(tiny_engine)!r})
        card = engine.card
        grid = np.zeros((card.spec.num_channels, card.input_height, card.input_width), np.float32)
        decode(card, engine.run(grid), Letterbox(SensorSize(40, 30), 64, 96))
        assert "torch" not in sys.modules and "onnx" not in sys.modules
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"no engine file .*gone\.onnx"):
        onnxruntime.load(tmp_path / "gone.onnx")
    with pytest.raises(EngineError, match="is not a file"):
        onnxruntime.load(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 4096, bytes(range(256)) * 16, b"not an engine at all\n" * 50]
)
def test_garbage_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(EngineError) as caught:
        onnxruntime.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_engine_is_refused_wherever_it_was_cut(
    tiny_engine: Path, tmp_path: Path
) -> None:
    whole = tiny_engine.read_bytes()
    path = tmp_path / "cut.onnx"
    sizes = {len(whole) * percent // 100 for percent in range(0, 100, 5)}
    for size in sorted({*sizes, 1, 2, 3, 16, len(whole) - 2, len(whole) - 1}):
        path.write_bytes(whole[:size])
        with pytest.raises(EngineError, match=r"export (the engine|it) again"):
            onnxruntime.load(path, provider="cpu")


def test_random_bytes_never_escape_as_another_error(tiny_engine: Path, tmp_path: Path) -> None:
    whole = np.frombuffer(tiny_engine.read_bytes(), np.uint8)
    random = np.random.default_rng(0)
    path = tmp_path / "flipped.onnx"
    for _ in range(20):
        damaged = whole.copy()
        damaged[random.integers(0, 3000, 20)] ^= random.integers(1, 256, 20).astype(np.uint8)
        path.write_bytes(damaged.tobytes())
        with contextlib.suppress(EngineError):  # some damage cannot be seen
            onnxruntime.load(path, provider="cpu")


def test_an_onnx_file_of_another_program_is_refused(tiny_engine: Path, tmp_path: Path) -> None:
    model = onnx.load(tiny_engine)
    onnx.helper.set_model_props(model, {"author": "somebody"})
    path = tmp_path / "other.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EngineError, match="another program: it has no Saccade card"):
        onnxruntime.load(path)


def test_a_spec_that_cannot_be_honoured_is_refused(tiny_engine: Path, tmp_path: Path) -> None:
    model = onnx.load(tiny_engine)
    text = tiny_card().to_json().replace('"num_bins": 5', '"num_bins": 5, "polarity_sum": 3')
    onnx.helper.set_model_props(model, {METADATA_KEY: text})
    path = tmp_path / "newer.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EngineError, match=r"newer\.onnx: the model's metadata cannot be honoured"):
        onnxruntime.load(path)


def graph_of(domain: str, operator: str, opset: int, ir_version: int) -> onnx.ModelProto:
    """A graph of one node with a tiny card inside."""
    value = onnx.helper.make_tensor_value_info("events", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node(operator, ["events"], ["depth"], domain=domain)
    output = onnx.helper.make_tensor_value_info("depth", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([node], "g", [value], [output])
    opsets = [onnx.helper.make_opsetid("", opset)]
    opsets += [onnx.helper.make_opsetid(domain, 1)] if domain else []
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


@pytest.mark.parametrize(
    ("domain", "operator", "opset", "ir_version", "message"),
    [
        ("", "Frobnicate", 18, 9, "needs the operator Frobnicate, which this runtime has not"),
        ("my.domain", "Frob", 18, 9, "needs the operator my.domain:Frob"),
        ("", "Neg", 99, 9, "has opset 99, newer than this runtime"),
        ("", "Neg", 18, 99, "has ONNX IR version 99, this runtime reads up to"),
        ("", "Neg", 18, 9, "its card says"),
    ],
)
def test_a_graph_that_this_runtime_cannot_run_says_what_it_lacks(
    tmp_path: Path, domain: str, operator: str, opset: int, ir_version: int, message: str
) -> None:
    path = tmp_path / "strange.onnx"
    write_model(graph_of(domain, operator, opset, ir_version), tiny_card(), path)
    with pytest.raises(EngineError) as caught:
        onnxruntime.load(path, provider="cpu")
    assert message in str(caught.value)
    assert "again" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_that_disagrees_with_its_graph_is_refused(tiny_engine: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"its card says .*32"):
        onnxruntime.load(rewritten(tiny_engine, tmp_path, input_height=32))
    with pytest.raises(EngineError, match="its card says recognition"):
        onnxruntime.load(rewritten(tiny_engine, tmp_path, tasks=("recognition",)))
    with pytest.raises(EngineError, match="its card has 2 channels"):
        onnxruntime.load(rewritten(tiny_engine, tmp_path, recognition_labels=("one", "two")))
