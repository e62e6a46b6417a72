from __future__ import annotations

import pytest
import torch

from training.augmentation import ViewConfig, draw_views

HEIGHT, WIDTH = 24, 32
WHOLE = ViewConfig(min_area=1, flip=0, time_flip=0)


def test_a_view_without_changes_is_the_input() -> None:
    maps = torch.randn(3, 5, HEIGHT, WIDTH)
    views = draw_views(WHOLE, 3, HEIGHT, WIDTH)
    for mode in ("nearest", "bilinear", "bicubic"):
        torch.testing.assert_close(views.see(maps, mode), maps, atol=1e-4, rtol=0)


def test_events_run_backwards_with_bins_reversed_and_negated() -> None:
    voxels = torch.randn(2, 5, HEIGHT, WIDTH)
    views = draw_views(ViewConfig(min_area=1, flip=0, time_flip=1), 2, HEIGHT, WIDTH)
    torch.testing.assert_close(views.events(voxels), -voxels.flip(1))
    torch.testing.assert_close(views.events(views.events(voxels)), voxels)
    difference = voxels[:, :1]
    torch.testing.assert_close(views.difference(difference), -difference, atol=1e-4, rtol=0)


def test_a_mirrored_view_is_the_input_from_right_to_left() -> None:
    voxels = torch.randn(2, 5, HEIGHT, WIDTH)
    views = draw_views(ViewConfig(min_area=1, flip=1, time_flip=0), 2, HEIGHT, WIDTH)
    torch.testing.assert_close(views.events(voxels), voxels.flip(3))


def test_events_and_pictures_are_moved_alike() -> None:
    torch.manual_seed(0)
    ramp = torch.arange(WIDTH).float().expand(64, 1, HEIGHT, WIDTH)
    views = draw_views(ViewConfig(time_flip=0), 64, HEIGHT, WIDTH)
    events = views.events(ramp)
    images = 255 * views.end_pictures(ramp.expand(-1, 3, -1, -1), ramp.expand(-1, 3, -1, -1))
    # Pixels at the edge of a crop mix with those beyond it in pictures alone.
    assert (events - images[:, :1]).abs().max() <= 0.51
    assert (views.difference(ramp) - events)[..., 2:-2].abs().max() <= 0.75


def test_crops_keep_the_asked_share_of_the_input_inside_it() -> None:
    torch.manual_seed(0)
    views = draw_views(ViewConfig(), 500, HEIGHT, WIDTH)
    scale_x, scale_y = views.where[:, 0, 0].abs(), views.where[:, 1, 1]
    shift_x, shift_y = views.where[:, 0, 2], views.where[:, 1, 2]
    area = scale_x * scale_y
    assert area.min() > 0.75  # whole pixels: a little less than 0.8
    assert area.max() <= 1
    assert area.std() > 0.03
    assert (scale_x + shift_x.abs()).max() <= 1 + 1e-6
    assert (scale_y + shift_y.abs()).max() <= 1 + 1e-6
    assert 0.4 < (views.where[:, 0, 0] < 0).float().mean() < 0.6
    assert 0.4 < views.is_reversed.float().mean() < 0.6


@pytest.mark.parametrize(
    ("field", "value"),
    [("min_area", 0.0), ("flip", 1.5), ("time_flip", -0.1), ("aspect_ratio", (2.0, 1.0))],
)
def test_settings_outside_their_range_are_named(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"view.{field} must"):
        ViewConfig(**{field: value})  # type: ignore[arg-type]
