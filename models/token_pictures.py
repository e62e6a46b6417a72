"""What a map of tokens looks like: its principal components as colours, likeness to one of them.

The two pictures by which papers on vision transformers show what features hold: DINOv2 (Oquab et
al., arXiv 2304.07193) the components, ScaleEvent (arXiv 2603.03969) the likeness to an anchor.
numpy only: training logs them and the app draws them.
"""

# D width of a token, h rows and w columns of the map, N = h * w

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

RANGE_PERCENT = (2.0, 98.0)
"""Of each component's values: what becomes 0 and 1."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenColors:
    """Three directions among tokens, and the range of values along each that colours span."""

    mean_D: FloatArray
    axes_D3: FloatArray
    """Orthonormal columns, the direction of most variance first."""
    low_3: FloatArray
    high_3: FloatArray

    def paint(self, features: FloatArray) -> FloatArray:
        """Return the (h, w, 3) colours in [0, 1] of a (D, h, w) map."""
        along = (_rows(features) - self.mean_D) @ self.axes_D3
        share = (along - self.low_3) / np.maximum(self.high_3 - self.low_3, 1e-12)
        colors: FloatArray = np.clip(share, 0, 1).reshape(*features.shape[1:], 3)
        return colors.astype(np.float32)


def fit_colors(features: FloatArray, like: TokenColors | None = None) -> TokenColors:
    """Return the first three principal components of a (D, h, w) map as colours.

    Args:
        features: The map; D of less than 3, and fewer than 4 cells, leave colours unused.
        like: Colours of an earlier map, such as the window before: a component whose sign is
            arbitrary then takes the one nearer to its namesake's, so that a film does not flicker.
    """
    rows_ND = _rows(features)
    mean_D = rows_ND.mean(0)
    _, _, directions = np.linalg.svd(rows_ND - mean_D, full_matrices=False)
    axes_D3 = np.zeros((rows_ND.shape[1], 3))
    num = min(3, len(directions))
    axes_D3[:, :num] = directions[:num].T
    if like is None:
        strongest = np.abs(axes_D3).argmax(0)
        sign = np.sign(axes_D3[strongest, range(3)])
    else:
        sign = np.sign((axes_D3 * like.axes_D3).sum(0))
    axes_D3 *= np.where(sign == 0, 1, sign)
    low_3, high_3 = np.percentile((rows_ND - mean_D) @ axes_D3, RANGE_PERCENT, axis=0)
    return TokenColors(
        mean_D.astype(np.float32),
        axes_D3.astype(np.float32),
        low_3.astype(np.float32),
        high_3.astype(np.float32),
    )


def similarity_map(features: FloatArray, row: int, column: int) -> FloatArray:
    """Return the (h, w) cosine, in [-1, 1], of every token of a (D, h, w) map to one of them.

    Raises:
        ValueError: the anchor lies outside the map.
    """
    height, width = features.shape[1:]
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(
            f"the anchor must lie in the {height}x{width} tokens, got ({row}, {column})"
        )
    length = np.maximum(np.linalg.norm(features, axis=0), 1e-12)
    unit = features / length
    cosine: FloatArray = np.tensordot(unit[:, row, column], unit, axes=1)
    return np.clip(cosine, -1, 1).astype(np.float32)


def _rows(features: FloatArray) -> FloatArray:
    """Return a (D, h, w) map as (N, D)."""
    return features.reshape(len(features), -1).T
