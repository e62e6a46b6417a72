from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from events.packet import EventPacket, SensorSize, pack_events
from training.data import mixture
from training.data.dataset import LabelledWindow
from training.data.window_transforms import TRANSFORMS, chosen
from training.methods import finetune
from training.recipe import Recipe, Stage

SENSOR = SensorSize(40, 24)
SEEDS = range(12)


def marked_window() -> LabelledWindow:
    """An event at each pixel whose picture is white: they must stay together."""
    random = np.random.default_rng(2)
    is_marked = random.random((SENSOR.height, SENSOR.width)) < 0.2
    y, x = np.nonzero(is_marked)
    t = np.sort(random.integers(0, 50_000, len(x)))
    image = np.repeat(np.where(is_marked, 255, 0).astype(np.uint8)[:, :, None], 3, axis=2)
    return LabelledWindow(
        packet=EventPacket(pack_events(t, x, y, np.ones(len(x))), SENSOR, 0, 50_000),
        label="a thing",
        class_ids=is_marked.astype(np.uint8),
        depth_m=np.where(is_marked, 4, 2).astype(np.float32),
        image=image,
        previous=image // 2,
    )


def same(one: LabelledWindow, other: LabelledWindow) -> bool:
    return np.array_equal(one.packet.events, other.packet.events)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["shift", "mirror", "resized_crop"])
def test_pictures_and_labels_move_with_their_events(name: str, seed: int) -> None:
    window = TRANSFORMS[name](marked_window(), np.random.default_rng(seed))
    packet = window.packet
    assert len(packet)
    shape = (packet.sensor.height, packet.sensor.width)
    for plane, mark in ((window.image, 255), (window.previous, 127), (window.class_ids, 1)):
        assert plane is not None
        assert plane.shape[:2] == shape
        is_marked = plane.reshape(*shape, -1)[:, :, 0] == mark
        assert is_marked.sum() == len(packet)
        assert is_marked[packet.y, packet.x].all()
    assert window.depth_m is not None
    nearer = packet.sensor.width / SENSOR.width
    assert window.depth_m[packet.y, packet.x] == pytest.approx(4 * nearer, rel=0.05)


def test_what_a_shift_brings_in_is_unknown() -> None:
    for seed in SEEDS:
        window = TRANSFORMS["shift"](marked_window(), np.random.default_rng(seed))
        assert window.class_ids is not None
        assert window.depth_m is not None
        unknown = window.class_ids == 255
        assert (window.depth_m[unknown] == 0).all()
        assert (window.depth_m[~unknown] > 0).all()


def test_a_window_run_backwards_ends_with_the_picture_at_its_start() -> None:
    window = marked_window()
    flipped = [TRANSFORMS["time_flip"](window, np.random.default_rng(seed)) for seed in SEEDS]
    backwards = [each for each in flipped if each is not window]
    assert 0 < len(backwards) < len(flipped)
    for each in backwards:
        assert each.image is window.previous
        assert each.previous is window.image
        assert each.class_ids is None
        assert each.depth_m is None
        assert not each.packet.p.any()


@pytest.mark.parametrize(
    ("name", "least", "most"), [("correlated_noise", 1.0, 1.17), ("drop", 0.6, 1.0)]
)
def test_noise_and_loss_change_events_alone(name: str, least: float, most: float) -> None:
    window = marked_window()
    changed = [TRANSFORMS[name](window, np.random.default_rng(seed)) for seed in SEEDS]
    assert all(each.image is window.image for each in changed)
    shares = [len(each.packet) / len(window.packet) for each in changed]
    assert all(least <= share <= most for share in shares)
    assert len(set(shares)) > 3


def test_an_unknown_transform_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean mirror"):
        chosen(["miror"])


def make_recipe(data: mixture.Config) -> Recipe:
    stage = Stage(steps=1, height=32, width=48, batch_size=2)
    return Recipe(name="test", stages=(stage,), data=data, method=finetune.Config(), num_workers=0)


def test_the_mixture_transforms_every_window_by_its_number_and_seed() -> None:
    names = tuple(TRANSFORMS)
    recipe = make_recipe(mixture.Config(events_transform=names, with_images=True))
    plain = make_recipe(mixture.Config(with_images=True))
    grids = [
        each.data.build(each).samples(each.stages[0])[3].grid for each in (recipe, recipe, plain)
    ]
    assert np.array_equal(grids[0], grids[1])
    assert not np.array_equal(grids[0], grids[2])


def test_shares_by_size_are_in_proportion_to_windows(data_folder: Path) -> None:
    config = mixture.Config(
        shares={"synthetic": 1.0, "camvid": 10.0}, root=data_folder, by_size=True
    )
    recipe = make_recipe(config)
    feed = config.build(recipe)
    sizes = [each.num_windows("train") for each in feed.datasets]
    assert sizes[1] == 367
    shares = mixture.Mixture(feed, recipe.stages[0]).shares
    assert shares[1] / shares[0] == pytest.approx(10 * sizes[1] / sizes[0])
