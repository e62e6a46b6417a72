from __future__ import annotations

import shutil
from pathlib import Path

import onnx
from tiny_engine import TASKS, tiny_card

from export.onnx_card import read_card


def sizes(value: onnx.ValueInfoProto) -> list[int]:
    """The declared size of each dimension; 0 where it is a name or unknown."""
    return [each.dim_value for each in value.type.tensor_type.shape.dim]


def test_an_engine_has_static_shapes_and_an_opset_that_tensorrt_reads(tiny_engine: Path) -> None:
    model, card = onnx.load(tiny_engine), tiny_card()
    assert [(each.domain, each.version <= 20) for each in model.opset_import] == [("", True)]
    shape = [1, card.spec.num_channels, card.input_height, card.input_width]
    assert [(each.name, sizes(each)) for each in model.graph.input] == [("events", shape)]
    assert [each.name for each in model.graph.output] == list(TASKS)
    assert all(0 not in sizes(each) for each in model.graph.output)


def test_an_engine_is_one_file_with_weights_and_card_inside(
    tiny_engine: Path, tmp_path: Path
) -> None:
    alone = Path(shutil.copy(tiny_engine, tmp_path / "alone.onnx"))
    weights = onnx.load(alone, load_external_data=False).graph.initializer
    assert weights
    assert not any(onnx.external_data_helper.uses_external_data(each) for each in weights)
    assert read_card(alone) == tiny_card()
