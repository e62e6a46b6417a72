from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_engine import tiny_card, tiny_module

from export.backends import onnxruntime
from export.onnx_graph import write_onnx
from models.card import CardError, ModelCard
from models.encoders import clip_vision
from models.heads.prompted import Prompted
from models.model_file import load_model, save_model
from models.perception import Perception, describe_encoder
from models.prompting import prompted
from models.temporal import conv_recurrent

ENCODER = clip_vision.Config(
    width=16,
    depth=2,
    num_attention_heads=2,
    patch_size=16,
    mlp_width=32,
    image_size=64,
    embedding_width=6,
)
LABELS = ("a cat", "a dog", "a bus")


def clip_card() -> ModelCard:
    return replace(tiny_card(tasks=()), encoder=describe_encoder(ENCODER))


def texts(width: int = 6) -> torch.Tensor:
    return 3 * torch.randn(3, width, generator=torch.Generator().manual_seed(2))


def windows(num: int = 2) -> torch.Tensor:
    return torch.randn(num, 5, 64, 96, generator=torch.Generator().manual_seed(1))


def test_logits_are_scaled_cosines_of_window_and_text() -> None:
    module = tiny_module(clip_card())
    model, card = prompted(module, clip_card(), LABELS, texts(), scale=20)
    with torch.no_grad():
        said = model(windows())["recognition"].numpy()
        embedding = module.encoder.tokens(windows()).embedding_BE
    assert embedding is not None
    k, t = embedding.double().numpy(), texts().double().numpy()
    k, t = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (k, t))
    np.testing.assert_allclose(said, 20 * k @ t.T, rtol=1e-4, atol=1e-4)
    assert (card.tasks, card.recognition_labels) == (("recognition",), LABELS)


def test_a_prompted_model_survives_its_file_and_becomes_an_engine(tmp_path: Path) -> None:
    model, card = prompted(tiny_module(clip_card()), clip_card(), LABELS, texts())
    save_model(tmp_path / "cats.safetensors", model, card)
    again, read = load_model(tmp_path / "cats.safetensors")
    assert read == card
    with torch.no_grad():
        expected = model(windows(1))["recognition"]
        torch.testing.assert_close(again(windows(1))["recognition"], expected)
    write_onnx(again, read, tmp_path / "cats.onnx")
    engine = onnxruntime.load(tmp_path / "cats.onnx", provider="cpu")
    said = engine.run(windows(1)[0].numpy())["recognition"]
    engine.close()
    np.testing.assert_allclose(said, expected.numpy(), rtol=1e-3, atol=1e-3)


def test_nothing_of_the_texts_is_trained() -> None:
    model, _ = prompted(tiny_module(clip_card()), clip_card(), LABELS, texts())
    head = model.heads["recognition"]
    assert isinstance(head, Prompted)
    assert list(head.parameters()) == []
    assert "heads.recognition.texts_KE" in model.state_dict()


def test_what_cannot_be_prompted_is_told_in_one_line() -> None:
    module = tiny_module(clip_card())
    with pytest.raises(CardError, match="embeds windows 6 wide, the texts are 4 wide"):
        prompted(module, clip_card(), LABELS, texts(4))
    with pytest.raises(ValueError, match="differ, got a cat, a cat, a dog"):
        prompted(module, clip_card(), ("a cat", "a cat", "a dog"), texts())
    with pytest.raises(CardError, match="tiny shares no space with text"):
        prompted(tiny_module(tiny_card()), tiny_card(), LABELS, texts())


@pytest.mark.parametrize(
    "heads",
    [
        {"recognition": {"kind": "other"}},
        {"depth": {"kind": "prompted"}},
        {"recognition": {"kind": "prompted", "width": 3}},
    ],
)
def test_a_card_with_other_heads_is_refused(heads: dict[str, dict[str, object]]) -> None:
    card = replace(clip_card(), tasks=("recognition",), recognition_labels=LABELS, heads=heads)
    with pytest.raises(CardError, match=r"prompted head"):
        Perception(card)


def test_a_prompted_head_cannot_be_streamed() -> None:
    prompted_card = prompted(tiny_module(clip_card()), clip_card(), LABELS, texts())[1]
    temporal = describe_encoder(conv_recurrent.Config(state_width=4))
    module = Perception(replace(prompted_card, temporal=temporal, is_streaming=True))
    with pytest.raises(CardError, match="reads the encoder alone: it cannot be streamed"):
        module.empty_memory(1, 32, 32)
