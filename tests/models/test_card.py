from __future__ import annotations

import json
from dataclasses import replace

import pytest

from events.representations.voxel_grid import VoxelGridSpec
from models.card import SCHEMA_VERSION, CardError, ModelCard
from models.encoders import hybrid
from models.perception import build_encoder, describe_encoder

CARD = ModelCard(
    name="test",
    spec=VoxelGridSpec(num_bins=3, normalization="nonzero_rms"),
    window_us=50_000,
    stride_us=20_000,
    input_height=64,
    input_width=96,
    tasks=("recognition", "depth"),
    recognition_labels=("cup", "ball"),
    encoder=describe_encoder(hybrid.Config(stem_width=8)),
    provenance={"seed": 3},
)


def test_a_card_survives_its_json() -> None:
    assert ModelCard.from_json(CARD.to_json()) == CARD


def test_a_card_rebuilds_the_encoder_it_describes() -> None:
    encoder = build_encoder(ModelCard.from_json(CARD.to_json()))
    assert encoder.config == hybrid.Config(stem_width=8)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "not Saccade's"),
        ('{"name": "other program"}', "not Saccade's"),
        ('{"schema_version": "one"}', "not Saccade's"),
        ('{"schema_version": 1, "name": "x"}', "cannot be honoured"),
    ],
)
def test_what_is_not_a_card_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(CardError, match=says) as refused:
        ModelCard.from_json(text)
    assert "\n" not in str(refused.value)


def test_a_card_of_a_newer_saccade_is_refused_with_the_cure() -> None:
    values = json.loads(CARD.to_json()) | {"schema_version": SCHEMA_VERSION + 1}
    with pytest.raises(CardError, match="update Saccade"):
        ModelCard.from_json(json.dumps(values))


def test_an_unknown_field_is_refused() -> None:
    values = json.loads(CARD.to_json()) | {"temperature": 1}
    with pytest.raises(CardError, match="temperature"):
        ModelCard.from_json(json.dumps(values))


@pytest.mark.parametrize("encoder", [{}, {"kind": "abacus"}, {"kind": "hybrid", "height": 3}])
def test_an_encoder_that_is_not_there_is_refused(encoder: dict[str, object]) -> None:
    with pytest.raises(CardError):
        build_encoder(replace(CARD, encoder=encoder))


def test_an_unknown_spec_is_refused() -> None:
    values = json.loads(CARD.to_json())
    values["spec"]["placement"] = "sideways"
    with pytest.raises(CardError, match="placement"):
        ModelCard.from_json(json.dumps(values))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("resize", "stretch"),
        ("window_us", 0),
        ("input_width", -1),
        ("depth_range_m", [3.0, 1.0]),
        ("depth_range_m", []),
        ("palette", [[1, 2, 3]]),
    ],
)
def test_a_value_that_cannot_be_honoured_is_refused(field: str, value: object) -> None:
    values = json.loads(CARD.to_json()) | {field: value}
    with pytest.raises(CardError, match="cannot be honoured"):
        ModelCard.from_json(json.dumps(values))


def test_a_card_without_optional_fields_has_their_defaults() -> None:
    values = json.loads(CARD.to_json())
    for name in ("depth_range_m", "palette", "resize", "provenance"):
        del values[name]
    card = ModelCard.from_json(json.dumps(values))
    assert card.depth_range_m == (0.25, 40.0)
    assert card.resize == "letterbox"


def test_decoded_outputs_have_names_of_their_own_and_need_a_sensor() -> None:
    tasks = ("recognition", "segmentation", "depth")
    card = replace(CARD, tasks=tasks, input="events", sensor=(640, 480), is_decoded=True)
    assert card.outputs == ("recognition", "segmentation_labels", "depth_m")
    assert ModelCard.from_json(card.to_json()) == card
    with pytest.raises(ValueError, match="is_decoded needs a sensor"):
        replace(card, input="grid", sensor=None)
