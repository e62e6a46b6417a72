from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from training.losses.masked_reconstruction import masked_reconstruction, patchify, unpatchify

B, C, SIZE, ROWS, COLUMNS = 3, 2, 4, 2, 3


def by_hand(
    said: npt.NDArray[np.float64], images: npt.NDArray[np.float64], hidden: npt.NDArray[np.bool_]
) -> float:
    """L_rec patch by patch: (predicted - (t - mean) / sqrt(var + 1e-6))^2, var over n - 1."""
    errors = []
    for b in range(len(images)):
        for n in range(ROWS * COLUMNS):
            if not hidden[b, n]:
                continue
            top, left = n // COLUMNS * SIZE, n % COLUMNS * SIZE
            patch = images[b, :, top : top + SIZE, left : left + SIZE].transpose(1, 2, 0).ravel()
            target = (patch - patch.mean()) / np.sqrt(patch.var(ddof=1) + 1e-6)
            errors.append(np.mean((said[b, n] - target) ** 2))
    return float(np.mean(errors))


def test_the_loss_is_the_paper_s_over_hidden_patches() -> None:
    rng = np.random.default_rng(0)
    images = 0.1 * rng.standard_normal((B, C, ROWS * SIZE, COLUMNS * SIZE))
    said = rng.standard_normal((B, ROWS * COLUMNS, C * SIZE * SIZE))
    hidden = rng.random((B, ROWS * COLUMNS)) < 0.5
    loss = masked_reconstruction(
        torch.from_numpy(said).float(), torch.from_numpy(images).float(), torch.from_numpy(hidden)
    )
    np.testing.assert_allclose(loss.item(), by_hand(said, images, hidden), rtol=1e-5)


def test_visible_patches_add_nothing() -> None:
    torch.manual_seed(0)
    said = torch.randn(B, ROWS * COLUMNS, C * SIZE * SIZE, requires_grad=True)
    hidden = torch.zeros(B, ROWS * COLUMNS, dtype=torch.bool)
    hidden[:, 2] = True
    images = torch.randn(B, C, ROWS * SIZE, COLUMNS * SIZE)
    masked_reconstruction(said, images, hidden).backward()
    assert said.grad is not None
    assert torch.equal(said.grad.abs().sum(-1) > 0, hidden)


def test_a_patch_without_contrast_has_a_target_of_zeros() -> None:
    said = torch.zeros(1, ROWS * COLUMNS, C * SIZE * SIZE)
    images = torch.full((1, C, ROWS * SIZE, COLUMNS * SIZE), 0.7)
    hidden = torch.ones(1, ROWS * COLUMNS, dtype=torch.bool)
    assert masked_reconstruction(said, images, hidden).item() < 1e-6


def test_patches_go_row_by_row_and_back() -> None:
    images = torch.arange(B * C * ROWS * SIZE * COLUMNS * SIZE).float()
    images = images.reshape(B, C, ROWS * SIZE, COLUMNS * SIZE)
    patches = patchify(images, SIZE)
    second = images[0, :, :SIZE, SIZE : 2 * SIZE]
    assert torch.equal(patches[0, 1], second.permute(1, 2, 0).flatten())
    assert torch.equal(unpatchify(patches, SIZE, ROWS), images)
