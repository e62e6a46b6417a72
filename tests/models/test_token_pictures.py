from __future__ import annotations

import numpy as np
import pytest

from models.token_pictures import fit_colors, follow_colors, similarity_map

RNG = np.random.default_rng(0)


def scene(height: int = 4, width: int = 6) -> np.ndarray:
    """Tokens of two kinds, left and right, with a little noise of their own."""
    features = RNG.normal(size=(2, 8)).astype(np.float32)
    kinds = np.repeat([[0] * (width // 2) + [1] * (width // 2)], height, axis=0)
    noise = 0.01 * RNG.normal(size=(8, height, width)).astype(np.float32)
    return features[kinds].transpose(2, 0, 1) + noise


def test_tokens_of_a_kind_get_one_colour_and_kinds_different_ones() -> None:
    features = scene()
    colors = fit_colors(features).paint(features)
    assert colors.shape == (4, 6, 3)
    assert 0 <= colors.min() <= colors.max() <= 1
    left, right = colors[:, :3, 0], colors[:, 3:, 0]
    assert abs(left.mean() - right.mean()) > 0.9
    assert max(np.ptp(left), np.ptp(right)) < 0.1


def test_axes_are_those_of_most_variance() -> None:
    features = RNG.normal(size=(5, 8, 8)).astype(np.float32)
    rows = features.reshape(5, -1).T.astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    axes = fit_colors(features).axes_D3
    for i in range(3):
        assert abs(axes[:, i] @ vectors[:, np.argsort(-values)[i]]) == pytest.approx(1, abs=1e-4)


def test_colours_of_the_next_window_keep_the_signs_of_the_last() -> None:
    features = scene()
    first = fit_colors(features)
    flipped = type(first)(first.mean_D, -first.axes_D3, first.low_3, first.high_3)
    assert np.allclose(fit_colors(features, like=flipped).axes_D3, -first.axes_D3, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 3), (8, 1, 1), (1, 1, 2)])
def test_maps_with_less_than_three_components_are_painted_too(shape: tuple[int, ...]) -> None:
    features = RNG.normal(size=shape).astype(np.float32)
    assert np.isfinite(fit_colors(features).paint(features)).all()


def test_likeness_is_one_at_the_anchor_and_the_cosine_elsewhere() -> None:
    features = scene()
    cosine = similarity_map(features, 1, 0)
    one, other = features[:, 1, 0].astype(np.float64), features[:, 2, 5].astype(np.float64)
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert cosine[1, 0] == pytest.approx(1)
    assert cosine[2, 5] == pytest.approx(expected, abs=1e-5)
    assert not similarity_map(np.zeros((3, 2, 2), np.float32), 0, 0).any()


def test_an_anchor_outside_the_map_is_refused() -> None:
    with pytest.raises(ValueError, match=r"4x6 tokens, got \(4, 0\)"):
        similarity_map(scene(), 4, 0)


def test_wide_and_tall_maps_have_the_axes_of_a_singular_value_decomposition() -> None:
    for shape in ((40, 4, 5), (6, 7, 5)):
        features = RNG.normal(size=shape).astype(np.float32)
        rows = features.reshape(shape[0], -1).T.astype(np.float64)
        expected = np.linalg.svd(rows - rows.mean(0))[2][:3]
        found = fit_colors(features).axes_D3.T
        np.testing.assert_allclose(np.abs((found * expected).sum(1)), 1, atol=1e-5)


def spread(*lengths: float) -> np.ndarray:
    """A (D, 10, 10) map whose axis i varies by ``lengths[i]``."""
    values = np.random.default_rng(1).normal(size=(len(lengths), 10, 10))
    return (values * np.array(lengths)[:, None, None]).astype(np.float32)


def test_colours_that_follow_do_not_swap_when_components_change_places() -> None:
    first = fit_colors(spread(9, 6, 4, 1, 1))
    colors = first
    for _ in range(50):
        colors = follow_colors(spread(6, 9, 4, 1, 1), colors)
    for i in range(3):
        assert abs(float(first.axes_D3[:, i] @ colors.axes_D3[:, i])) > 0.95
    np.testing.assert_allclose(colors.axes_D3.T @ colors.axes_D3, np.eye(3), atol=1e-5)


def test_colours_that_follow_come_to_span_what_varies_now() -> None:
    colors = fit_colors(spread(9, 6, 4, 1, 1))
    for _ in range(60):
        colors = follow_colors(spread(9, 6, 1, 1, 4), colors)
    exact = fit_colors(spread(9, 6, 1, 1, 4)).axes_D3
    overlap = np.linalg.svd(exact.T @ colors.axes_D3, compute_uv=False)
    assert overlap.min() > 0.99


def test_a_window_in_which_nothing_varies_leaves_the_colours() -> None:
    colors = fit_colors(spread(9, 6, 4, 1, 1))
    faint = 1e-3 * spread(1, 1, 1, 9, 9)
    np.testing.assert_allclose(follow_colors(faint, colors).axes_D3, colors.axes_D3, atol=1e-5)
    assert follow_colors(np.ones((5, 4, 4), np.float32), colors) is colors
