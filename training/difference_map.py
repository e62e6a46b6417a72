"""How brightness changed over a window: what its events sum up, seen by a frame camera.

Source: "Revealing Latent Information" (EventPretrain), arXiv 2508.05507: the temporal intensity
difference map between the pictures around a window.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from training.data.batch import Pairs
from training.grey import grey


def difference_map(pairs: Pairs, kind: Literal["linear", "log"] = "linear") -> Tensor:
    """Return (B, 1, H, W), the grey at the window's end less that at its start, in [-1, 1].

    ``log``: of the natural logarithms of 8-bit greys plus 1, in [-5.6, 5.6].
    """
    end, start = grey(pairs.images), grey(pairs.previous)
    if kind == "log":
        return (end * 255).log1p() - (start * 255).log1p()
    return end - start
