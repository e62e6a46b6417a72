from __future__ import annotations

import numpy as np
import pytest

from events.packet import EventPacket, SensorSize, pack_events
from events.representations.letterbox import Letterbox
from events.representations.red_blue import STATISTICS, RedBlueSpec, percentile, published, red_blue

SENSOR = SensorSize(4, 2)
WHITE, RED, BLUE = [1, 1, 1], [1, 0, 0], [0, 0, 1]


def packet_of(on: dict[int, int], off: dict[int, int], sensor: SensorSize = SENSOR) -> EventPacket:
    """Return so many events at each flat pixel."""
    pixel = np.concatenate([np.repeat(list(c), list(c.values())).astype(int) for c in (on, off)])
    p = np.repeat([1, 0], [sum(on.values()), sum(off.values())])
    y, x = np.divmod(pixel, sensor.width)
    return EventPacket(pack_events(np.arange(len(p)), x, y, p), sensor, 0, 1000)


def test_on_is_red_off_is_blue_and_the_rest_white() -> None:
    image = red_blue(packet_of({0: 1}, {5: 1}), RedBlueSpec()).reshape(3, -1).T
    assert image[[0, 5]].tolist() == [RED, BLUE]
    assert (np.delete(image, [0, 5], axis=0) == 1).all()


def test_the_stronger_polarity_wins_by_its_own_share_and_on_wins_ties() -> None:
    spec = RedBlueSpec(percentile=100, quantization="none")
    # Full colour is 4 ON and 2 OFF: pixel 1 has shares 1/4 and 1/2, pixel 2 1/2 and 1/2.
    image = red_blue(packet_of({0: 4, 1: 1, 2: 2}, {1: 1, 2: 1, 3: 2}), spec).reshape(3, -1).T
    assert image[:4].tolist() == [RED, [0.5, 0.5, 1], [1, 0.5, 0.5], BLUE]


def test_counts_above_the_percentile_are_full_colour() -> None:
    on = {0: 1, 1: 2, 2: 3, 3: 4, 4: 500}
    image = red_blue(packet_of(on, {}), RedBlueSpec(percentile=50, quantization="none"))
    shades = image[1].reshape(-1)
    assert shades[:5] == pytest.approx([2 / 3, 1 / 3, 0, 0, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("quantization", "step"), [("truncate", 191), ("round", 191), ("none", 255 * 3 / 4)]
)
def test_a_stored_image_has_whole_steps(quantization: str, step: float) -> None:
    spec = RedBlueSpec(percentile=100, quantization=quantization)  # type: ignore[arg-type]
    image = red_blue(packet_of({0: 4, 1: 1}, {}), spec)
    assert image[1, 0, 1] * 255 == pytest.approx(step, abs=1e-4)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("percent", [0.1, 50, 90, 99, 100])
def test_the_percentile_of_cells_by_their_rising_counts_is_numpys(
    seed: int, percent: float
) -> None:
    counts = np.random.default_rng(seed).geometric(0.2, size=seed * 3 + 1)
    reached = np.array([0] + [(counts >= k).sum() for k in range(1, counts.max() + 2)], np.uint32)
    assert percentile(reached, percent) == pytest.approx(np.percentile(counts, percent))
    assert percentile(reached[: counts.max() + 1], percent) == percentile(reached, percent)


def test_without_events_of_a_polarity_there_is_none_of_its_colour() -> None:
    assert percentile(np.zeros(1, np.uint32), 99.0) == 1
    assert percentile(np.zeros(9, np.uint32), 99.0) == 1
    image = red_blue(packet_of({0: 3, 1: 1}, {}), RedBlueSpec())
    assert (image[0] == 1).all()


def test_published_images_are_normalised_over_white() -> None:
    spec = published("dsec")
    assert spec.percentile == 90
    image = red_blue(packet_of({}, {}), spec)
    expected = (1 - np.array(spec.mean)) / np.array(spec.std)
    np.testing.assert_allclose(image[:, 0, 0], expected, rtol=1e-6)
    assert published() == published("n_imagenet")
    assert all(0 < value < 1 for _, *colors in STATISTICS.values() for c in colors for value in c)


def test_interpolation_stays_within_the_images_range() -> None:
    sensor = SensorSize(12, 9)
    packet = packet_of({50: 1, 53: 1}, {51: 1, 66: 1}, sensor)
    box = Letterbox(sensor, 30, 30)
    image = RedBlueSpec(interpolation="bicubic").network_input(packet, box)
    assert image.min() == 0
    assert image.max() == 1
    top = box.content.top
    assert top > 0
    assert (image[:, :top] == 1).all()


@pytest.mark.parametrize("value", [0, -1, 100.5, float("nan")])
def test_a_percentile_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="percentile must lie in"):
        RedBlueSpec(percentile=value)


def test_a_deviation_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="std above 0"):
        RedBlueSpec(std=(1.0, 0.0, 1.0))
