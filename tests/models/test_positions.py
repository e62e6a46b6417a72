from __future__ import annotations

from typing import Any

import pytest
import torch

from models.positions import cubic_weights, resized_positions


@pytest.mark.parametrize("mode", ["bicubic", "antialiased", "bilinear"])
def test_constant_positions_stay_constant_and_the_class_keeps_its_own(mode: Any) -> None:
    table = torch.cat([torch.full((1, 1, 2), 7.0), torch.full((1, 9, 2), 3.0)], dim=1)
    resized = resized_positions(table, 2, 5, mode)
    assert resized.shape == (1, 11, 2)
    torch.testing.assert_close(resized[:, 1:], torch.full((1, 10, 2), 3.0))
    torch.testing.assert_close(resized[:, :1], table[:, :1])
    assert resized_positions(table, 3, 3, mode) is table


@pytest.mark.parametrize("is_antialiased", [False, True])
@pytest.mark.parametrize("side", [1, 3, 37])
def test_products_resize_as_torch_does(side: int, is_antialiased: bool) -> None:
    grid = torch.randn(1, 2, side, side, generator=torch.Generator().manual_seed(0))
    for height, width in ((1, 2), (3, 5), (16, 50), (37, 3)):
        rows = cubic_weights(height, side, is_antialiased=is_antialiased)
        columns = cubic_weights(width, side, is_antialiased=is_antialiased)
        expected = torch.nn.functional.interpolate(
            grid, (height, width), mode="bicubic", antialias=is_antialiased
        )
        torch.testing.assert_close(rows @ grid @ columns.T, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("is_antialiased", [False, True])
def test_weights_of_the_table_s_own_size_leave_it_as_it_is(is_antialiased: bool) -> None:
    weights = cubic_weights(5, 5, is_antialiased=is_antialiased)
    torch.testing.assert_close(weights, torch.eye(5), rtol=0, atol=0)
