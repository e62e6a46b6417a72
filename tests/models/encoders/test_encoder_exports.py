"""Every encoder as an engine: with every head, of any size, and in half precision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from test_encoder_contract import CHOICES, TASKS, TINY, make_card, make_encoder, picture

from export.backends import onnxruntime as backend
from export.onnx_graph import export_graph, write_model
from models.card import ModelCard
from models.encoders import dinov2
from models.perception import Perception, describe_encoder

TEMPORAL = {"kind": "causal_transformer", "depth": 1, "head_width": 8, "context_tokens": 64}
OF_ANY_SIZE = [name for name in CHOICES if make_encoder(name).one_size_reason is None]
SHARES_A_SPACE_WITH_TEXT = [
    name
    for name in CHOICES
    if make_encoder(name).tokens(picture(make_encoder(name))).embedding_BE is not None
]


def module_of(card: ModelCard) -> Perception:
    torch.manual_seed(0)
    return Perception(card).eval()


def prompted_card(name: str) -> ModelCard:
    encoder = make_encoder(name)
    embedding_BE = encoder.tokens(picture(encoder)).embedding_BE
    assert embedding_BE is not None
    heads = {"recognition": {"kind": "prompted", "embedding_width": embedding_BE.shape[1]}}
    return replace(make_card(name, ("recognition",)), segmentation_labels=(), heads=heads)


def check(module: Perception, card: ModelCard, graph: onnx.ModelProto, atol: float) -> None:
    """Compare a graph with its module; no runtime but torch has what must not be in it."""
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    assert names == list(card.outputs)
    for resize in (node for node in graph.graph.node if node.op_type == "Resize"):
        modes = {item.name: item for item in resize.attribute}
        assert modes["mode"].s in (b"nearest", b"linear")
        assert "antialias" not in modes or not modes["antialias"].i
    other_sizes = [(2, 1, 4), (3, 3, 3)] if card.is_dynamic else []
    for batch_size, rows, columns in [(1, 3, 2), *other_sizes]:
        events = picture(module.encoder, rows, columns, batch_size)
        with torch.no_grad():
            expected = module(events)
        found = dict(zip(names, session.run(names, {"events": events.numpy()}), strict=True))
        for name, values in found.items():
            assert values.dtype == np.float32
            np.testing.assert_allclose(values, expected[name].numpy(), rtol=atol, atol=atol)


@pytest.mark.parametrize("temporal", [{}, TEMPORAL], ids=["alone", "temporal"])
@pytest.mark.parametrize("name", CHOICES)
def test_it_exports_with_three_heads(name: str, temporal: dict[str, object]) -> None:
    card = replace(make_card(name, TASKS), temporal=temporal)
    module = module_of(card)
    check(module, card, export_graph(module, card), 1e-4)


@pytest.mark.parametrize("name", SHARES_A_SPACE_WITH_TEXT)
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_it_exports_with_a_prompted_head(name: str, precision: str) -> None:
    card = replace(prompted_card(name), precision=precision)  # type: ignore[arg-type]
    module = module_of(card)
    with torch.no_grad():
        module.heads["recognition"].texts_KE.normal_()  # type: ignore[operator, union-attr]
    check(module, card, export_graph(module, card), 1e-4 if precision == "fp32" else 0.5)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", OF_ANY_SIZE)
def test_it_exports_for_any_batch_and_size(name: str, tmp_path: Path) -> None:
    cell = make_encoder(name).strides[-1]
    card = replace(make_card(name, TASKS), is_dynamic=True, size_multiple=cell)
    module = module_of(card)
    graph = export_graph(module, card)
    check(module, card, graph, 1e-4)
    write_model(graph, card, tmp_path / "any.onnx")
    engine = backend.load(tmp_path / "any.onnx", provider="cpu", input_size=(4 * cell, cell))
    grid = picture(module.encoder, 1, 4, 1)
    found = engine.run(grid[0].numpy())
    with torch.no_grad():
        expected = module(grid)
    for task in TASKS:
        np.testing.assert_allclose(found[task], expected[task].numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", sorted(set(CHOICES) - set(OF_ANY_SIZE)))
def test_one_that_cannot_be_of_any_size_says_why(name: str) -> None:
    encoder = make_encoder(name)
    card = replace(make_card(name, ()), is_dynamic=True, size_multiple=encoder.strides[-1])
    with pytest.raises(ValueError, match="leave --dynamic out") as refused:
        export_graph(module_of(card), card)
    assert str(encoder.one_size_reason) in str(refused.value)


def test_gep_s_positions_are_of_one_size() -> None:
    settings = {**TINY["dinov2"], "position_mode": "bilinear"}
    encoder = describe_encoder(dinov2.Config(**settings))
    card = replace(make_card("dinov2", ()), encoder=encoder, is_dynamic=True, size_multiple=14)
    with pytest.raises(ValueError, match="GEP's positions are interpolated at every size but"):
        export_graph(module_of(card), card)


@pytest.mark.parametrize("name", CHOICES)
def test_it_exports_in_half_precision(name: str) -> None:
    card = replace(make_card(name, TASKS), precision="fp16")
    module = module_of(card)
    graph = export_graph(module, card)
    check(module, card, graph, 2e-2)
    weights = [item for item in graph.graph.initializer if len(item.dims) == 4]
    assert weights
    assert {item.data_type for item in weights} == {onnx.TensorProto.FLOAT16}
