from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_engine import tiny_card

from models.card import CardError, ModelCard
from models.encoders import hybrid
from models.model_file import load_model, save_model
from models.perception import Perception, describe_encoder
from models.temporal import causal_transformer

TEMPORAL = causal_transformer.Config(depth=1, head_width=8, context_tokens=16)
CARD = replace(
    tiny_card(()),
    encoder=describe_encoder(hybrid.Config(widths=(8, 8, 8, 16), depths=(1, 1, 1, 1))),
    temporal=describe_encoder(TEMPORAL),
)


@torch.no_grad()
def test_a_bare_encoder_s_tokens_pass_through_the_temporal_part_as_one_frame() -> None:
    module = Perception(CARD).eval()
    events = torch.randn(2, 5, 64, 96)
    tokens = module(events)["tokens"]
    patches = module.encoder.tokens(events).patches_BND
    kinds = torch.full(patches.shape[:2], 2)
    expected = module.temporal.hidden(patches, kinds, is_causal=False)
    assert tokens.shape == (2, 16, 2, 3)
    torch.testing.assert_close(tokens.flatten(2).transpose(1, 2), expected)


@torch.no_grad()
def test_heads_read_the_last_map_behind_the_temporal_part() -> None:
    card = replace(CARD, tasks=("recognition",))
    module = Perception(card).eval()
    events = torch.randn(1, 5, 64, 96)
    before = module(events)["recognition"]
    maps = module.maps(events)
    torch.testing.assert_close(maps[-1], module.tokens(events).map)
    assert all(map(torch.equal, maps[:-1], module.encoder(events)[:-1]))
    module.temporal.norm.weight.mul_(2)
    assert not torch.equal(module(events)["recognition"], before)


def test_a_model_file_brings_its_temporal_part_back(tmp_path: Path) -> None:
    module = Perception(CARD).eval()
    save_model(tmp_path / "model.safetensors", module, CARD)
    again, card = load_model(tmp_path / "model.safetensors")
    events = torch.randn(1, 5, 64, 96)
    assert card.temporal == CARD.temporal
    assert torch.equal(again(events)["tokens"], module(events)["tokens"])


def test_cards_from_before_there_were_temporal_parts_are_read() -> None:
    values = json.loads(tiny_card().to_json())
    del values["temporal"]
    assert ModelCard.from_json(json.dumps(values)) == tiny_card()


def test_a_temporal_part_that_is_not_known_or_does_not_fit_is_one_line() -> None:
    with pytest.raises(CardError, match="no temporal part 'lstm' in models/temporal"):
        Perception(replace(CARD, temporal={"kind": "lstm"}))
    with pytest.raises(CardError, match="width 16 do not divide into heads of 5"):
        Perception(replace(CARD, temporal={"kind": "causal_transformer", "head_width": 5}))
