"""L_rec: the error of hidden patches' pixels, each patch normalised by its own mean and variance.

Source: EventPretrain (arXiv 2508.05507), stage I, its masked reconstruction loss; the
normalisation is that of He et al., "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022.
"""

# B batch, C channels, H height, W width, N patches, P values in a patch

from __future__ import annotations

import math

from torch import Tensor

from models.global_batch import global_count

EPSILON = 1e-6
"""Added to a patch's variance: a patch without contrast has a target of zeros."""


def masked_reconstruction(predicted_BNP: Tensor, images: Tensor, hidden_BN: Tensor) -> Tensor:
    """Return L_rec, the mean over hidden patches of a patch's mean squared error.

    Args:
        predicted_BNP: What is said of every patch, as ``patchify`` orders its values.
        images: (B, C, H, W) to reconstruct; H and W give N patches of P = C * size * size values.
        hidden_BN: Bool; where none is true, in any process, the loss is 0.
    """
    size = math.isqrt(predicted_BNP.shape[2] // images.shape[1])
    target_BNP = normalized_patches(patchify(images.float(), size))
    error_BN = (predicted_BNP.float() - target_BNP).square().mean(-1)
    return (error_BN * hidden_BN).sum() / global_count(hidden_BN.sum())


def patchify(images: Tensor, size: int) -> Tensor:
    """Return the (B, N, P) patches of (B, C, H, W) images; values go by row, column, channel."""
    B, C, H, W = images.shape
    cells = images.reshape(B, C, H // size, size, W // size, size)
    return cells.permute(0, 2, 4, 3, 5, 1).reshape(B, -1, size * size * C)


def unpatchify(patches_BNP: Tensor, size: int, height: int) -> Tensor:
    """Return the (B, C, H, W) images of (B, N, P) patches, ``height`` rows of patches high."""
    B, N, P = patches_BNP.shape
    width, C = N // height, P // (size * size)
    cells = patches_BNP.reshape(B, height, width, size, size, C)
    return cells.permute(0, 5, 1, 3, 2, 4).reshape(B, C, height * size, width * size)


def normalized_patches(patches_BNP: Tensor) -> Tensor:
    """Return every patch less its mean, over its standard deviation (n - 1)."""
    variance, mean = patches_BNP.var(-1, keepdim=True), patches_BNP.mean(-1, keepdim=True)
    return (patches_BNP - mean) / (variance + EPSILON).sqrt()
