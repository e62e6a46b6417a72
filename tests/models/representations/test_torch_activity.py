from __future__ import annotations

import numpy as np
import pytest
import torch

from events.representations import activity as definition
from models.representations.activity import (
    density_activity,
    rendered_activity,
    white_rendering,
)


def sparse_counts(seed: int, batch: int = 3, height: int = 48, width: int = 80) -> torch.Tensor:
    """Return (B, H, W) counts, fewer to the right."""
    random = np.random.default_rng(seed)
    chance = np.linspace(0.4, 0, width) ** 2
    counts = (random.random((batch, height, width)) < chance) * random.integers(
        1, 40, (batch, height, width)
    )
    return torch.from_numpy(counts).float()


@pytest.mark.parametrize("patch_size", [8, 16])
@pytest.mark.parametrize("seed", range(4))
def test_masks_of_a_batch_equal_the_definition(seed: int, patch_size: int) -> None:
    counts = sparse_counts(seed)
    voxels = torch.stack([counts, -counts / 2], dim=1)
    dense = density_activity(voxels, patch_size=patch_size)
    for i, expected in enumerate(voxels.numpy()):
        np.testing.assert_array_equal(
            dense[i].numpy(), definition.density_activity(expected, patch_size=patch_size)
        )
    assert 0 < dense.float().mean() < 1
    image = white_rendering(counts)
    for is_antialiased in (True, False):
        seen = rendered_activity(image, patch_size=patch_size, is_antialiased=is_antialiased)
        for i, pixels in enumerate(image.numpy()):
            expected = definition.rendered_activity(
                pixels, patch_size=patch_size, is_antialiased=is_antialiased
            )
            np.testing.assert_array_equal(seen[i].numpy(), expected)
        assert 0 < seen.float().mean() < 1


def test_a_quiet_cell_is_white_and_any_other_red() -> None:
    image = white_rendering(torch.tensor([[[0.0, 3.0]]]))
    assert image[0, :, 0].tolist() == [[1, 1], [1, 0], [1, 0]]


def test_a_patch_that_does_not_divide_the_input_is_refused() -> None:
    with pytest.raises(ValueError, match="patches of 14 must divide the input, got height 48"):
        density_activity(torch.zeros(1, 3, 48, 84), patch_size=14)
