"""Colour maps as tables: turbo (pictures) and viridis (perceptually even), near or far end first.

Sources of the anchor colours: Mikhailov, "Turbo, An Improved Rainbow Colormap for
Visualization", Google AI Blog, 2019; Smith and van der Walt, "A Better Default Colormap for
Matplotlib", SciPy 2015 (public domain).
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

ColorTable = npt.NDArray[np.uint8]
"""(256, 3) RGB."""

_ANCHORS = {
    "turbo": "30123b 4145ab 4675ed 39a2fc 1bcfd4 24eca6 61fc6c a4fc3b d1e834 f3c63a fe9b2d"
    " f36315 d93806 b11901 7a0402",
    "viridis": "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",
}
COLORMAPS = tuple(_ANCHORS)
NUM_COLORS = 256


@functools.cache
def colormap(name: str) -> ColorTable:
    """Return the table of one of COLORMAPS, coldest first, as a read-only array.

    Raises:
        ValueError: there is no colour map of that name.
    """
    if name not in _ANCHORS:
        raise ValueError(f"colour map must be one of {', '.join(COLORMAPS)}, got {name!r}")
    anchors = np.array([list(bytes.fromhex(word)) for word in _ANCHORS[name].split()], np.float64)
    place = np.linspace(0, len(anchors) - 1, NUM_COLORS)
    columns = [np.interp(place, np.arange(len(anchors)), anchors[:, i]) for i in range(3)]
    table = np.stack(columns, axis=1).round().astype(np.uint8)
    table.flags.writeable = False
    return table
