from __future__ import annotations

import importlib

import pytest

from events.representations.representation import Spec, spec_kinds
from models.card import ModelCard


def published_specs() -> list[Spec]:
    modules = (importlib.import_module(f"events.representations.{kind}") for kind in spec_kinds())
    return [spec for module in modules for spec in (module.spec(), module.published())]


@pytest.mark.parametrize("spec", published_specs(), ids=lambda spec: type(spec).__name__)
def test_every_representation_travels_on_a_card(spec: Spec) -> None:
    card = ModelCard(
        name="encoder", spec=spec, window_us=50_000, stride_us=50_000,
        input_height=224, input_width=224, tasks=(),
    )  # fmt: skip
    assert ModelCard.from_json(card.to_json()) == card
