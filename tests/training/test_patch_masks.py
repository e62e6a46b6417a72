from __future__ import annotations

import torch

from training.patch_masks import choose_visible, hidden_patches

PATCH = 4


def voxels_of_density(densities: list[float]) -> torch.Tensor:
    """One row of patches with so many events a pixel, half of them in each of two bins."""
    rows = torch.tensor(densities).repeat_interleave(PATCH).expand(PATCH, -1)
    return (rows / 2).expand(1, 2, -1, -1)


def test_a_random_mask_hides_the_asked_share_and_others_in_each_sample() -> None:
    torch.manual_seed(0)
    keep = choose_visible(torch.zeros(50, 5, 24, 28), PATCH, 0.5, "random")
    assert keep.shape == (50, 21)
    assert all(len(set(row.tolist())) == 21 for row in keep)
    counts = torch.bincount(keep.flatten(), minlength=42)
    assert len(counts) == 42
    assert counts.min() > 10


def test_density_hides_the_densest_and_anti_density_the_emptiest() -> None:
    events = voxels_of_density([3, -7, 1, 5, 0, 2])
    dense = choose_visible(events, PATCH, 0.5, "density")
    assert sorted(dense[0].tolist()) == [2, 4, 5]
    empty = choose_visible(events, PATCH, 0.5, "anti_density")
    assert sorted(empty[0].tolist()) == [0, 1, 3]


def test_density_is_of_sums_over_bins_where_polarities_cancel() -> None:
    events = torch.zeros(1, 2, PATCH, 2 * PATCH)
    events[:, 0, :, :PATCH], events[:, 1, :, :PATCH] = 9, -9
    events[:, 0, :, PATCH:] = 1
    assert choose_visible(events, PATCH, 0.5, "density").tolist() == [[0]]


def test_what_is_not_visible_is_hidden() -> None:
    hidden = hidden_patches(torch.tensor([[1, 3], [0, 2]]), 4)
    assert hidden.tolist() == [[True, False, True, False], [False, True, False, True]]
