from __future__ import annotations

import itertools

import numpy as np
import pytest

from app.colormaps import colormap
from app.render import EventColors, overlay_picture
from app.token_view import TokenView, content, likeness, sample
from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from models.results import TokenMap

SENSOR = SensorSize(80, 40)
BOX = Letterbox(SENSOR, 64, 64)
"""The sensor takes rows 16 to 48 of the input: the middle 4 of 8 rows of tokens."""


def tokens_of(seed: int = 0, num: int = 6) -> TokenMap:
    """Left and right half of two kinds; what lies in the margins is of a third, far away."""
    random = np.random.default_rng(seed)
    kinds = np.random.default_rng(7).normal(size=(3, num))
    place = np.repeat([[0] * 4 + [1] * 4], 8, axis=0)
    place[:2] = place[6:] = 2
    features = (kinds * [[1], [1], [50]])[place].transpose(2, 0, 1)
    features = features + 0.05 * random.normal(size=features.shape)
    return TokenMap(features.astype(np.float32), BOX)


def test_only_tokens_that_see_the_sensor_decide_the_colours() -> None:
    tokens = tokens_of()
    assert content(tokens).shape == (6, 4, 8)
    image = TokenView().paint(tokens).image
    assert image.shape == (40, 80, 3)
    assert image.dtype == np.uint8
    left, right = image[:, :30].reshape(-1, 3), image[:, 50:].reshape(-1, 3)
    assert abs(left.mean(0) - right.mean(0)).max() > 150


def test_colours_stay_from_window_to_window() -> None:
    view = TokenView()
    pictures = [view.paint(tokens_of(seed)).image.astype(int) for seed in range(6)]
    for one, other in itertools.pairwise(pictures):
        assert abs(one[:, :, 0] - other[:, :, 0]).mean() < 20


def test_an_anchor_shows_the_likeness_to_its_token() -> None:
    view, tokens = TokenView(), tokens_of()
    view.set_anchor((10, 20))
    picture = view.paint(tokens, "viridis")
    assert picture.cosine is not None
    assert picture.cosine[20, 10] > 0.95
    one, other = tokens.features[:, 4, 1].astype(float), tokens.features[:, 4, 7].astype(float)
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert picture.cosine[22, 74] == pytest.approx(expected, abs=0.1)
    expected_color = colormap("viridis")[round((float(picture.cosine[22, 74]) + 1) * 127.5)]
    np.testing.assert_allclose(picture.image[22, 74].astype(int), expected_color, atol=1)
    view.set_anchor(None)
    assert view.paint(tokens).cosine is None


def test_stretched_colours_span_what_occurs_and_follow_it_slowly() -> None:
    view = TokenView()
    view.set_anchor((10, 20))
    first = view.paint(tokens_of(0), stretches=True)
    assert first.cosine is not None
    assert first.low == pytest.approx(float(first.cosine.min()))
    least = np.unravel_index(first.cosine.argmin(), first.cosine.shape)
    np.testing.assert_array_equal(first.image[least], colormap("turbo")[0])
    alike = TokenMap(np.abs(tokens_of(0).features) + 100, BOX)
    lows = [view.paint(alike, stretches=True).low, view.paint(alike, stretches=True).low]
    assert lows[0] == lows[1]  # the same window again
    assert first.low < lows[0] < first.low + 0.3
    assert view.paint(alike).low == -1


def test_the_anchor_is_the_pixel_of_the_sensor_wherever_the_letterbox_puts_it() -> None:
    random = np.random.default_rng(0)
    tokens = TokenMap(random.normal(size=(16, 8, 8)).astype(np.float32), BOX)
    for x, y, row, column in ((0, 0, 2, 0), (79, 39, 5, 7), (25, 12, 3, 2)):
        cosine = likeness(tokens, x, y)
        # the centre of that token, on the sensor: there the map is the token itself
        centre = (round((row + 0.5 - 2) * 10), round((column + 0.5) * 10))
        assert cosine[centre] == pytest.approx(1, abs=0.15)
        assert np.median(cosine) < 0.5
    with pytest.raises(ValueError, match=r"80x40 pixels, got \(80, 0\)"):
        likeness(tokens, 80, 0)


def test_another_encoder_of_another_width_begins_anew() -> None:
    view = TokenView()
    view.paint(tokens_of(num=6))
    assert view.paint(tokens_of(num=9)).image.shape == (40, 80, 3)
    view.set_anchor((1, 1))
    view.forget()
    assert view.anchor is None


def test_large_maps_are_sampled() -> None:
    features = np.zeros((2, 60, 80), np.float32)
    assert sample(features, 1200).shape == (2, 30, 40)
    assert sample(features, 4800).shape == (2, 60, 80)


def test_events_show_through_a_layer_until_it_is_opaque() -> None:
    colors = EventColors()
    image = np.empty((2, 2, 3), np.uint8)
    image[:] = colors.background
    image[0, 0] = colors.on
    layer = np.full((2, 2, 3), 200, np.uint8)
    half = overlay_picture(image.copy(), layer, opacity=0.5, colors=colors).astype(int)
    assert abs(half[1, 1] - (200 + np.array(colors.background)) / 2).max() <= 1
    kept = abs(half[0, 0] - np.array(colors.on)).max() / abs(200 - np.array(colors.on)).max()
    assert kept < 0.3
    np.testing.assert_array_equal(overlay_picture(image.copy(), layer, opacity=0), image)
    assert abs(overlay_picture(image.copy(), layer, opacity=1).astype(int) - 200).max() <= 1
    with pytest.raises(ValueError, match="does not fit"):
        overlay_picture(image, layer[:1])
