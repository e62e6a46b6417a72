from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from published_states import (
    State,
    clip_state,
    clip_tower_shapes,
    dinov2_shapes,
    dinov3_shapes,
    dinov3_state,
    random_state,
)

from events.representations import count_map, red_blue, voxel_image
from models.encoders import clip_vision, dinov2, dinov3
from models.encoders.encoder import EncoderConfig
from models.official import clip_event, gep, scaleevent
from models.official.layout import (
    Checkpoint,
    OfficialError,
    Source,
    fill,
    read_tensors,
)
from models.official.official import official_names, read_official, spec_of


def gep_state() -> State:
    return random_state(dinov2_shapes(64, 1, grid=3))


def save(tmp_path: Path, content: Any) -> Path:
    torch.save(content, tmp_path / "checkpoint.pt")
    return tmp_path / "checkpoint.pt"


def test_every_file_with_a_reader_is_a_published_encoder() -> None:
    assert {"clip_event", "gep", "scaleevent"} <= set(official_names())
    assert "official" not in official_names()


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("gep", {"event_encoder": gep_state(), "optimizer": {"state": {}}, "epoch": 2}),
        ("gep", gep_state()),
        ("gep", {"model": {f"module.{k}": v for k, v in gep_state().items()}}),
        ("gep", {f"event_encoder.{k}": v for k, v in gep_state().items()}),
        ("scaleevent", {f"module.event_encoder.{k}": v for k, v in dinov3_state(64, 1).items()}),
        ("scaleevent", {f"event_encoder.{k}": v for k, v in dinov3_state(64, 1).items()}),
        ("scaleevent", {"net": dinov3_state(64, 1)}),
        ("clip_event", {"checkpoint": {f"encoder_k.{k}": v for k, v in clip_state().items()}}),
        ("clip_event", {f"model.encoder_k.{k}": v for k, v in clip_state().items()}),
        ("clip_event", clip_state()),
    ],
)
def test_each_way_of_saving_that_the_public_code_has_is_read(
    name: str, saved: Any, tmp_path: Path
) -> None:
    module, card = read_official(name, save(tmp_path, saved))
    assert card.tasks == ()
    assert card.name.startswith(name)
    assert card.provenance["checkpoint"] == "checkpoint.pt"
    events = torch.zeros(1, 3, card.input_height, card.input_width)
    with torch.no_grad():
        tokens = module(events)["tokens"]
    assert tokens.shape[:2] == (1, 64)
    assert torch.isfinite(tokens).all()


@pytest.mark.parametrize(
    ("name", "saved", "spec", "size"),
    [
        ("gep", gep_state(), red_blue.published("n_imagenet"), (224, 224)),
        ("scaleevent", dinov3_state(64, 1), voxel_image.published(), (480, 640)),
        ("clip_event", clip_state(), count_map.published(), (48, 48)),
    ],
)
def test_the_card_feeds_an_encoder_as_its_authors_did(
    name: str, saved: State, spec: object, size: tuple[int, int], tmp_path: Path
) -> None:
    _, card = read_official(name, save(tmp_path, saved))
    assert card.spec == spec
    assert (card.input_height, card.input_width) == size
    assert "mask_token" in str(card.provenance["dropped"]) or name == "clip_event"


def test_only_an_encoder_of_several_inputs_knows_data_sets() -> None:
    assert spec_of("gep", "dsec") == red_blue.published("dsec")
    with pytest.raises(OfficialError, match="scaleevent is fed all data sets alike"):
        spec_of("scaleevent", "dsec")


def test_half_precision_is_read_as_float32(tmp_path: Path) -> None:
    halves = {name: value.half() for name, value in gep_state().items()}
    module, _ = read_official("gep", save(tmp_path, halves))
    assert {value.dtype for value in module.parameters()} == {torch.float32}


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    state = gep_state()
    del state["blocks.0.ls1.gamma"]
    with pytest.raises(OfficialError, match=r"it misses blocks\.0\.ls1\.gamma$"):
        read_official("gep", save(tmp_path, state))


def test_an_unknown_tensor_is_named(tmp_path: Path) -> None:
    state = gep_state() | {"blocks.0.attn.gate": torch.zeros(1)}
    with pytest.raises(OfficialError, match=r"has blocks\.0\.attn\.gate, which nothing here uses"):
        read_official("gep", save(tmp_path, state))


def test_many_of_them_stay_one_line(tmp_path: Path) -> None:
    state = {name: value for name, value in gep_state().items() if ".mlp." not in name}
    del state["norm.weight"]
    with pytest.raises(OfficialError, match=r"and 1 more") as caught:
        read_official("gep", save(tmp_path, state))
    assert "\n" not in str(caught.value)


def test_a_tensor_of_another_shape_is_named_with_both_shapes(tmp_path: Path) -> None:
    state = gep_state() | {"blocks.0.mlp.fc2.weight": torch.zeros(64, 9)}
    with pytest.raises(OfficialError, match=r"'blocks\.0\.mlp\.fc2\.weight' gives \(64, 9\).*256"):
        read_official("gep", save(tmp_path, state))


def test_a_key_bias_that_is_not_masked_is_refused(tmp_path: Path) -> None:
    state = dinov3_state(64, 1) | {"blocks.0.attn.qkv.bias_mask": torch.ones(192)}
    with pytest.raises(OfficialError, match="bias_mask' must be 1 for queries and values"):
        read_official("scaleevent", save(tmp_path, state))


def test_other_wavelengths_are_refused(tmp_path: Path) -> None:
    state = dinov3_state(64, 1)
    state["rope_embed.periods"] *= 1.1
    with pytest.raises(OfficialError, match="not the wavelengths of base 100"):
        read_official("scaleevent", save(tmp_path, state))


@pytest.mark.parametrize("name", ["clip_event", "gep", "scaleevent"])
def test_a_checkpoint_of_another_paper_is_refused(name: str, tmp_path: Path) -> None:
    path = save(tmp_path, {"fc.weight": torch.zeros(2, 2)})
    with pytest.raises(OfficialError, match="it is another kind of checkpoint"):
        read_official(name, path)


class Stranger:
    """Something that only code could rebuild."""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"event_encoder": Stranger()}, "no checkpoint of torch.save that holds weights alone"),
        ([torch.zeros(1)], "holds no tensors by name, but a list"),
        ({"step": 3, "norm.weight": torch.zeros(1)}, "holds more than tensors: step"),
        ({}, "holds no tensors by name"),
    ],
)
def test_what_is_no_dictionary_of_tensors_is_refused(
    content: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(OfficialError, match=message):
        read_tensors(save(tmp_path, content))


@pytest.mark.parametrize("junk", [b"", b"junk", b"PK\x03\x04 and then nothing"])
def test_a_damaged_file_is_one_clear_line(junk: bytes, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(junk)
    with pytest.raises(OfficialError, match="or a damaged one") as caught:
        read_tensors(tmp_path / "checkpoint.pt")
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_unknown_name_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        read_official("gep", tmp_path / "nothing.pt")
    with pytest.raises(
        OfficialError, match="no published encoder 'resnet': choose from clip_event"
    ):
        read_official("resnet", tmp_path / "nothing.pt")


@pytest.mark.parametrize(
    ("config", "shapes", "reader", "masks"),
    [
        (dinov2.small(), dinov2_shapes(384, 12), gep, 0),
        (dinov2.base(), dinov2_shapes(768, 12), gep, 0),
        (dinov3.small(), dinov3_shapes(384, 12), scaleevent, 12),
        (dinov3.base(), dinov3_shapes(768, 12), scaleevent, 12),
        (dinov3.large(), dinov3_shapes(1024, 24), scaleevent, 24),
        (clip_vision.b32(), clip_tower_shapes(768, 12, 32, 512, 7), clip_event, 0),
        (clip_vision.l14(), clip_tower_shapes(1024, 24, 14, 768, 16), clip_event, 0),
    ],
)
def test_the_published_sizes_fit_tensor_by_tensor(
    config: EncoderConfig, shapes: dict[str, tuple[int, ...]], reader: ModuleType, masks: int
) -> None:
    with torch.device("meta"):
        expected = {k: v.shape for k, v in config.build(3).state_dict().items()}
        tensors = {name: torch.empty(shape) for name, shape in shapes.items()}
    layout: dict[str, Source] = reader.layout(config.depth)  # type: ignore[attr-defined]
    assert {name: source.value(tensors).shape for name, source in layout.items()} == expected
    unused = set(tensors) - {source.name for source in layout.values()}
    assert len({name for name in unused if name.endswith("bias_mask")}) == masks
    assert {name for name in unused if not name.endswith("bias_mask")} <= {
        "mask_token",
        "rope_embed.periods",
    }


def test_a_layout_must_speak_of_every_parameter() -> None:
    with pytest.raises(AssertionError, match="bias"):
        fill(torch.nn.Linear(2, 2), Checkpoint(Path("x"), {}), {"weight": Source("w")}, {})
