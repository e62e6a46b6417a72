from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from dataset_layouts import LAYOUTS
from tiny_teachers import clip_teacher

from events.packet import EventPacket, SensorSize, pack_events
from events.representations.count_map import CountMapSpec
from events.representations.letterbox import Letterbox
from models.card import CardError, ModelCard
from models.encoders import clip_vision
from models.perception import Perception, describe_encoder
from models.teachers.teacher import Teacher
from training.data.catalogue import load_dataset
from training.data.dataset import LabelledWindow, Split
from training.evaluate import EvalConfig
from training.zero_shot import zero_shot

LABELS = ("cat", "dog", "bus")
SENSOR = SensorSize(32, 32)
CONFIG = EvalConfig(sensor=SENSOR, batch_size=4)
ENCODER = clip_vision.Config(
    width=16,
    depth=2,
    num_attention_heads=2,
    patch_size=8,
    mlp_width=32,
    image_size=32,
    embedding_width=12,
)


class Bars:
    """Label k is bar k: its events, its picture; every window of a label has a few strays."""

    name = "bars"
    recognition_labels = LABELS
    segmentation_labels: tuple[str, ...] = ()
    is_film = False

    def __init__(self, train: Sequence[str] = LABELS * 5) -> None:
        self.labels: dict[Split, list[str]] = {"train": [*train], "val": list(LABELS) * 3}

    def num_windows(self, split: Split) -> int:
        return len(self.labels[split])

    def window(
        self,
        split: Split,
        index: int,
        seed: int,
        sensor: SensorSize,
        window_us: int,
        *,
        augment: bool = False,
        with_images: bool = False,
    ) -> LabelledWindow:
        label = self.labels[split][index]
        first = 10 * LABELS.index(label)
        random = np.random.default_rng((seed, index, split == "val"))
        columns, rows = np.meshgrid(np.arange(first, first + 8), np.arange(32))
        x = np.append(np.repeat(columns, 4), random.integers(0, 32, 3))
        y = np.append(np.repeat(rows, 4), random.integers(0, 32, 3))
        image = np.zeros((32, 32, 3), np.uint8)
        image[:, first : first + 8] = 255
        packet = EventPacket(pack_events(np.zeros(len(x)), x, y, x % 2), sensor, 0, window_us)
        return LabelledWindow(packet=packet, label=label, image=image, previous=image)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    folder = tmp_path_factory.mktemp("zero_shot") / "teacher"
    return clip_teacher(folder, ["a", "photo", "of", *LABELS])


def make_card(encoder: clip_vision.Config = ENCODER) -> ModelCard:
    return ModelCard(
        name="bars",
        spec=CountMapSpec(),
        window_us=50_000,
        stride_us=20_000,
        input_height=32,
        input_width=32,
        tasks=(),
        encoder=describe_encoder(encoder),
    )


def make_module(card: ModelCard) -> Perception:
    torch.manual_seed(1)
    module = Perception(card)
    assert isinstance(module.encoder, clip_vision.ClipVisionEncoder)
    with torch.no_grad():
        module.encoder.patches.weight.mul_(30)
    return module


def ignore(done: int, total: int) -> None:
    pass


def test_figures_are_shares_of_windows_whose_nearest_text_or_mean_is_theirs(
    teacher: Teacher,
) -> None:
    card, dataset = make_card(), Bars()
    module = make_module(card)
    seen: list[tuple[int, int]] = []
    figures = zero_shot(
        module, card, teacher, dataset, CONFIG, lambda done, total: seen.append((done, total))
    )
    assert (figures["num_windows"], figures["num_labels"]) == (9, 3)
    assert seen[-1] == (9 + 15, 9 + 15)

    letterbox = Letterbox(SENSOR, 32, 32)
    windows = [dataset.window("val", i, CONFIG.seed, SENSOR, card.window_us) for i in range(9)]
    grids = np.stack([card.spec.network_input(each.packet, letterbox) for each in windows])
    pictures = np.stack(
        [each.image.transpose(2, 0, 1) for each in windows if each.image is not None]
    )
    with torch.no_grad():
        said = module.encoder.tokens(torch.from_numpy(grids)).embedding_BE
        shown = teacher.tokens(torch.from_numpy(pictures)).embedding_BE
    texts = teacher.texts([f"a photo of a {label}" for label in LABELS])
    assert said is not None
    assert shown is not None
    for name, rows in (("zero_shot", said), ("picture_zero_shot", shown)):
        k, t = rows.double().numpy(), texts.double().numpy()
        k, t = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (k, t))
        right = (k @ t.T).argmax(1) == np.arange(9) % 3
        assert figures[f"{name}_top1_percent"] == pytest.approx(100 * right.mean())
        assert figures[f"{name}_top5_percent"] == 100  # of 3 labels
    assert [figures[f"{shot}_shot_top1_percent"] for shot in (1, 2, 5)] == [100, 100, 100]


def test_a_label_without_training_windows_is_found_by_none_and_hides_none(teacher: Teacher) -> None:
    card = make_card()
    dataset = Bars(train=LABELS[:2] * 5)
    figures = zero_shot(make_module(card), card, teacher, dataset, CONFIG, ignore)
    assert figures["5_shot_top1_percent"] == pytest.approx(200 / 3)


def test_a_set_without_training_windows_is_named_by_texts_alone(teacher: Teacher) -> None:
    card = make_card()
    figures = zero_shot(make_module(card), card, teacher, Bars(train=()), CONFIG, ignore)
    assert "zero_shot_top1_percent" in figures
    assert not any(name[0].isdigit() for name in figures)


def test_a_set_without_pictures_is_refused_in_one_line(teacher: Teacher, tmp_path: Path) -> None:
    LAYOUTS["n_mnist"].write(tmp_path)
    card = make_card()
    with pytest.raises(ValueError, match="n_mnist has no pictures behind its windows"):
        zero_shot(
            make_module(card), card, teacher, load_dataset("n_mnist", tmp_path), CONFIG, ignore
        )


def test_without_shots_no_training_window_is_looked_at(teacher: Teacher) -> None:
    card = make_card()
    seen: list[tuple[int, int]] = []
    config = replace(CONFIG, num_windows=4)
    figures = zero_shot(
        make_module(card), card, teacher, Bars(), config,
        lambda done, total: seen.append((done, total)), shots=(),
    )  # fmt: skip
    assert seen[-1] == (4, 4)
    assert not any("_shot_top" in name and name[0].isdigit() for name in figures)


def test_what_cannot_be_measured_is_one_line(teacher: Teacher, tmp_path: Path) -> None:
    card = make_card()
    module = make_module(card)
    with pytest.raises(ValueError, match="synthetic has no labels to recognise by text"):
        zero_shot(module, card, teacher, load_dataset("synthetic"), CONFIG, ignore)
    narrow = make_card(replace(ENCODER, embedding_width=5))
    with pytest.raises(ValueError, match=r"embeds windows 5 wide, teacher .* 12: give the teacher"):
        zero_shot(make_module(narrow), narrow, teacher, Bars(), CONFIG, ignore)
    plain = replace(
        card, encoder={"kind": "vit", "width": 16, "depth": 4, "num_attention_heads": 2}
    )
    with pytest.raises(CardError, match="shares no space with text"):
        zero_shot(Perception(plain), plain, teacher, Bars(), CONFIG, ignore)
