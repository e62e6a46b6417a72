from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tiny_teacher_folders import WIDTH, tiny_model, write_folder

from models.teachers.dinov2 import Dinov2Teacher
from models.teachers.open import open_teacher, teacher_classes
from models.teachers.preprocessing import CLIP, HALF, IMAGENET
from models.teachers.pretrained import PretrainedTeacher
from models.teachers.teacher import TeacherError

PREFIX = {
    "dinov2": 1,
    "dinov2_with_registers": 4,
    "dinov3_vit": 3,
    "dinov3_convnext": 1,
    "clip": 1,
    "siglip": 0,
    "siglip2": 0,
    "depth_anything": 1,
}
CHANNELS = {"clip": CLIP, "siglip": HALF, "siglip2": HALF}


@pytest.fixture(scope="module", params=sorted(PREFIX))
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, PretrainedTeacher]:
    kind: str = request.param
    folder = write_folder(tmp_path_factory.mktemp(kind), kind)
    return kind, folder, open_teacher(str(folder))


def pictures(height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8, generator=generator)


def test_every_kind_of_model_has_a_teacher() -> None:
    assert set(teacher_classes()) == set(PREFIX)


def test_tokens_are_a_grid_of_patches_behind_the_prefix(
    opened: tuple[str, Path, PretrainedTeacher],
) -> None:
    kind, _, teacher = opened
    stride = teacher.patch_stride
    tokens = teacher.tokens(pictures(4 * stride, 6 * stride))
    assert (tokens.height, tokens.width) == (4, 6)
    assert tokens.patches_BND.shape == (2, 24, WIDTH) == (2, 24, teacher.width)
    assert tokens.prefix_BPD.shape == (2, PREFIX[kind], WIDTH)
    assert not tokens.patches_BND.requires_grad
    assert torch.isfinite(tokens.all).all()
    if teacher.embedding_width is None:
        assert tokens.embedding_BE is None
    else:
        assert tokens.embedding_BE is not None
        assert tokens.embedding_BE.shape == (2, teacher.embedding_width)


def test_a_teacher_says_the_same_twice_and_opened_anew(
    opened: tuple[str, Path, PretrainedTeacher],
) -> None:
    _, folder, teacher = opened
    shown = pictures(2 * teacher.patch_stride, 2 * teacher.patch_stride)
    first = teacher.tokens(shown).all
    assert torch.equal(teacher.tokens(shown).all, first)
    again = open_teacher(str(folder))
    assert torch.equal(again.tokens(shown).all, first)
    assert again.fingerprint == teacher.fingerprint


def test_each_row_of_patches_sees_its_own_part_first(
    opened: tuple[str, Path, PretrainedTeacher],
) -> None:
    _, _, teacher = opened
    stride = teacher.patch_stride
    shown = pictures(4 * stride, 4 * stride)[:1]
    changed = shown.clone()
    changed[:, :, stride : 2 * stride, :stride] = 255 - changed[:, :, stride : 2 * stride, :stride]
    moved = (teacher.tokens(changed).map - teacher.tokens(shown).map).norm(dim=1)[0]
    assert moved.argmax() == 1 * 4 + 0


def test_the_channels_are_the_familys_unless_the_folder_says_otherwise(
    opened: tuple[str, Path, PretrainedTeacher], tmp_path: Path
) -> None:
    kind, _, teacher = opened
    assert (teacher.preprocessing.mean, teacher.preprocessing.std) == CHANNELS.get(kind, IMAGENET)
    said = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "size": {"height": 24}}
    other = open_teacher(str(write_folder(tmp_path, kind, **said)))
    assert other.preprocessing.mean == (0.1, 0.2, 0.3)
    assert other.preprocessing.std == (0.4, 0.5, 0.6)
    assert other.preprocessing.size == 24
    assert other.fingerprint != teacher.fingerprint


def test_a_size_that_patches_do_not_fill_is_an_error(
    opened: tuple[str, Path, PretrainedTeacher],
) -> None:
    _, _, teacher = opened
    stride = teacher.patch_stride
    with pytest.raises(ValueError, match=f"patches of {stride}.*got {stride + 1}x{stride}"):
        teacher.tokens(pictures(stride, stride + 1))


def test_tokens_are_those_of_transformers_on_normalised_pictures(tmp_path: Path) -> None:
    teacher = open_teacher(str(write_folder(tmp_path, "dinov2_with_registers", seed=3)))
    shown = pictures(32, 32)
    mean, std = (torch.tensor(each)[:, None, None] for each in IMAGENET)
    with torch.no_grad():
        model = tiny_model("dinov2_with_registers", seed=3).eval()
        expected = model((shown / 255 - mean) / std).last_hidden_state
    torch.testing.assert_close(teacher.tokens(shown).all, expected)
    torch.testing.assert_close(teacher.tokens(shown / 255).all, expected)


def test_random_weights_are_other_weights(tmp_path: Path) -> None:
    teacher = open_teacher(str(write_folder(tmp_path, "dinov2", seed=3)))
    before, key = teacher.tokens(pictures(32, 32)).all, teacher.fingerprint
    teacher.forget()
    assert not torch.allclose(teacher.tokens(pictures(32, 32)).all, before)
    assert teacher.fingerprint != key


def test_a_depth_teacher_knows_depth(tmp_path: Path) -> None:
    teacher = open_teacher(str(write_folder(tmp_path, "depth_anything")))
    depth = teacher.depth(pictures(32, 48))
    assert depth.shape == (2, 32, 48)
    assert torch.isfinite(depth).all()


@pytest.mark.parametrize("kind", ["clip", "siglip", "siglip2"])
def test_texts_are_embedded_each_by_itself(kind: str, tmp_path: Path) -> None:
    teacher = open_teacher(str(write_folder(tmp_path, kind)))
    both = teacher.texts(["a photo cat", "a dog"])
    assert both.shape == (2, teacher.embedding_width)
    assert not torch.allclose(both[0], both[1])
    torch.testing.assert_close(teacher.texts(["a dog"])[0], both[1], rtol=1e-4, atol=1e-5)


def test_a_teacher_without_texts_says_so(tmp_path: Path) -> None:
    teacher = open_teacher(str(write_folder(tmp_path, "dinov2")))
    with pytest.raises(TeacherError, match="knows no text"):
        teacher.texts(["a cat"])


@pytest.mark.parametrize("name", ["/nowhere/teacher", "facebook/dinov2-small"])
def test_what_cannot_be_had_is_one_sentence(name: str) -> None:
    with pytest.raises(TeacherError, match="neither a local folder") as told:
        open_teacher(name)
    assert name in str(told.value)
    assert "\n" not in str(told.value)


def test_a_damaged_config_is_one_sentence(tmp_path: Path) -> None:
    write_folder(tmp_path, "dinov2")
    (tmp_path / "config.json").write_text("{no")
    with pytest.raises(TeacherError, match="no published model") as told:
        open_teacher(str(tmp_path))
    assert "\n" not in str(told.value)


def test_damaged_weights_are_one_sentence(tmp_path: Path) -> None:
    write_folder(tmp_path, "dinov2")
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TeacherError, match="no published model") as told:
        open_teacher(str(tmp_path))
    assert "\n" not in str(told.value)


def test_missing_weights_are_not_made_up(tmp_path: Path) -> None:
    write_folder(tmp_path, "dinov2")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(TeacherError, match="lacks 18 weights, the first is"):
        open_teacher(str(tmp_path))


def test_a_model_of_another_kind_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(TeacherError, match=r"of type bert, no teacher that we know.*dinov2"):
        open_teacher(str(tmp_path))


def test_a_damaged_preprocessor_is_one_sentence(tmp_path: Path) -> None:
    write_folder(tmp_path, "dinov2", image_mean=[0.5])
    with pytest.raises(TeacherError, match=r"preprocessor_config.json is no preprocessor"):
        open_teacher(str(tmp_path))


def test_a_teacher_is_no_module_and_holds_no_gradients(tmp_path: Path) -> None:
    teacher = open_teacher(str(write_folder(tmp_path, "dinov2")))
    assert isinstance(teacher, Dinov2Teacher)
    assert not isinstance(teacher, torch.nn.Module)
    assert not any(value.requires_grad for value in teacher.model.parameters())
    assert not teacher.model.training
