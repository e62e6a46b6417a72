"""One colour per label, the same in overlay, legend and exports; Okabe and Ito's set and tints.

Source: Okabe and Ito, "Color Universal Design", https://jfly.uni-koeln.de/color/ (2008).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Color = tuple[int, int, int]
"""Red, green, blue, each in 0..255."""

ORANGE, SKY_BLUE, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
HUES: tuple[Color, ...] = (ORANGE, SKY_BLUE, GREEN, YELLOW, BLUE, VERMILLION, PURPLE)
UNLABELLED = frozenset({"background", "void", "unlabelled"})
"""Labels that mean "nothing named here": an overlay leaves their pixels alone."""


def mixed(color: Color, other: Color, share: float) -> Color:
    """Return ``color`` moved by ``share`` (0..1) towards ``other``."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
    return red, green, blue


def tint(color: Color, share: float = 0.45) -> Color:
    """Return ``color`` moved towards white."""
    return mixed(color, (255, 255, 255), share)


def shade(color: Color, share: float = 0.35) -> Color:
    """Return ``color`` moved towards black."""
    return mixed(color, (0, 0, 0), share)


PALETTE: dict[str, Color] = {
    "background": (70, 78, 90),
    "ground": (150, 138, 120),
    # kinds of the synthetic scenes: they stand beside one another, so each has a hue of its own
    "ball": VERMILLION,
    "crate": ORANGE,
    "barrel": BLUE,
    "cone": YELLOW,
    "lamp": tint(YELLOW, 0.6),
    "table": PURPLE,
    "snowman": SKY_BLUE,
    "arch": GREEN,
    # classes of driving scenes, by what they resemble
    "sky": tint(SKY_BLUE),
    "building": shade(ORANGE),
    "pole": (192, 198, 206),
    "road": tint(PURPLE, 0.5),
    "pavement": shade(PURPLE),
    "tree": shade(GREEN, 0.4),
    "sign": shade(YELLOW, 0.25),
    "fence": tint(GREEN),
    "car": tint(BLUE, 0.2),
    "pedestrian": tint(VERMILLION),
    "bicyclist": shade(VERMILLION, 0.45),
}
"""Colours of the known labels. Never change one: saved pictures and their readers rely on it."""

_ALIASES = {
    "sidewalk": "pavement",
    "person": "pedestrian",
    "vegetation": "tree",
    "void": "background",
}


def color_of(label: str) -> Color:
    """Return a label's colour; an unknown label gets a stable one drawn from its name."""
    name = label.strip().lower()
    name = _ALIASES.get(name, name)
    if name in PALETTE:
        return PALETTE[name]
    digest = zlib.crc32(name.encode())  # hash() differs from run to run
    hue = HUES[digest % len(HUES)]
    level = digest // len(HUES) % 5
    return tint(hue, 0.2 + 0.15 * level) if level < 3 else shade(hue, 0.15 * (level - 2))


def color_table(labels: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return the (len(labels), 3) uint8 RGB table that turns class ids into colours."""
    return np.array([color_of(label) for label in labels], np.uint8).reshape(-1, 3)
