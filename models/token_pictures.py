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
    axes_D3 = _components(rows_ND - mean_D)
    if like is None:
        strongest = np.abs(axes_D3).argmax(0)
        sign = np.sign(axes_D3[strongest, range(3)])
    else:
        sign = np.sign((axes_D3 * like.axes_D3).sum(0))
    axes_D3 *= np.where(sign == 0, 1, sign)
    low_3, high_3 = np.percentile((rows_ND - mean_D) @ axes_D3, RANGE_PERCENT, axis=0)
    return _colors(mean_D, axes_D3, low_3, high_3)


def follow_colors(features: FloatArray, last: TokenColors, rate: float = 0.1) -> TokenColors:
    """Return ``last`` moved a little towards a map's own components, for films.

    A component of one window may be another's second or third, and a window without events has
    noise for components: fitted anew, colours would jump. One step of subspace iteration (Golub
    and Van Loan, "Matrix Computations", 8.2.4) turns the span of ``last``'s axes towards that of
    the components, within which the basis nearest to the last one is taken (Procrustes).

    Args:
        features: The (D, h, w) map; it weighs as much as its tokens vary, next to earlier ones.
        last: Colours of the maps before.
        rate: Share of a map that varies as much as the earlier ones, in 0 to 1.
    """
    rows_ND = _rows(features)
    if min(rows_ND.shape) < len(last.low_3):
        return fit_colors(features, last)
    mean_D = rows_ND.mean(0)
    centred_ND = rows_ND - mean_D
    along_N3 = centred_ND @ last.axes_D3
    low_3, high_3 = np.percentile(along_N3, RANGE_PERCENT, axis=0)
    now = rate * float(np.square(high_3 - low_3).sum())
    before = (1 - rate) * float(np.square(last.high_3 - last.low_3).sum())
    if now <= 0:
        return last
    share = now / (now + before)
    span_D3, _ = np.linalg.qr(centred_ND.T @ along_N3)
    left, _, right = np.linalg.svd(span_D3.T @ last.axes_D3)
    axes_D3, triangle = np.linalg.qr((1 - share) * last.axes_D3 + share * span_D3 @ left @ right)
    return _colors(
        _between(last.mean_D, mean_D, share),
        axes_D3 * np.where(np.diag(triangle) < 0, -1, 1),  # qr may turn a column round
        _between(last.low_3, low_3, share),
        _between(last.high_3, high_3, share),
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


def _components(centred_ND: FloatArray) -> npt.NDArray[np.float64]:
    """Return the (D, 3) principal axes; columns beyond the rank are 0.

    Of the two symmetric products the smaller is decomposed: a singular value decomposition of
    1,200 tokens of width 768 takes ten times as long.
    """
    rows = centred_ND.astype(np.float64)
    is_wide = rows.shape[1] > rows.shape[0]
    values, vectors = np.linalg.eigh(rows @ rows.T if is_wide else rows.T @ rows)
    strongest = vectors[:, ::-1][:, :3]
    axes = rows.T @ strongest if is_wide else strongest
    axes_D3 = np.zeros((rows.shape[1], 3))
    lengths = np.linalg.norm(axes, axis=0)
    is_there = values[::-1][:3] > 1e-12 * max(values[-1], 1e-12)
    axes_D3[:, : axes.shape[1]] = axes * is_there / np.maximum(lengths, 1e-12)
    return axes_D3


def _between(start: FloatArray, end: FloatArray, share: float) -> FloatArray:
    return start + share * (end - start)


def _colors(
    mean_D: npt.NDArray[np.floating],
    axes_D3: npt.NDArray[np.floating],
    low_3: npt.NDArray[np.floating],
    high_3: npt.NDArray[np.floating],
) -> TokenColors:
    return TokenColors(
        mean_D.astype(np.float32),
        axes_D3.astype(np.float32),
        low_3.astype(np.float32),
        high_3.astype(np.float32),
    )


def _rows(features: FloatArray) -> FloatArray:
    """Return a (D, h, w) map as (N, D)."""
    return features.reshape(len(features), -1).T
