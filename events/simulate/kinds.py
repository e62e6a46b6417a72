"""The kinds of objects in synthetic scenes, each a handful of analytic primitives.

To add a kind, add a line to ``_PARTS_OF_KIND``; at the end, so that the others keep their class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SPHERE, BOX, FRUSTUM = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Part:
    """One primitive in the frame of its object, which stands on y = 0 and has y upwards."""

    shape: int
    """SPHERE, BOX or FRUSTUM (upright, capped; its radius shrinks from the bottom to the top)."""
    centre_m: tuple[float, float, float]
    half_size_m: tuple[float, float, float]
    material: int = 0
    """Which of its object's NUM_MATERIALS materials it wears."""
    tilt_rad: float = 0.0
    """Turn about the object's z axis, anticlockwise as seen from in front."""
    top_ratio: float = 1.0
    """Radius of a frustum's top relative to its bottom: 1 a cylinder, 0 a cone."""


NUM_MATERIALS = 3


def _sphere(y: float, radius: float, material: int = 0) -> Part:
    return Part(SPHERE, (0.0, y, 0.0), (radius, radius, radius), material)


def _frustum(
    bottom: float, top: float, radius: float, material: int = 0, top_ratio: float = 1.0
) -> Part:
    centre = (0.0, (bottom + top) / 2, 0.0)
    return Part(
        FRUSTUM, centre, (radius, (top - bottom) / 2, radius), material, top_ratio=top_ratio
    )


def _box(
    bottom: float, top: float, half_x: float, half_z: float, material: int = 0, x: float = 0.0
) -> Part:
    return Part(BOX, (x, (bottom + top) / 2, 0.0), (half_x, (top - bottom) / 2, half_z), material)


def _crate() -> list[Part]:
    posts = [
        Part(BOX, (x, 0.38, z), (0.06, 0.38, 0.06), 1) for x in (-0.36, 0.36) for z in (-0.36, 0.36)
    ]
    rims = [_box(0.0, 0.11, 0.415, 0.415, 1), _box(0.66, 0.77, 0.415, 0.415, 1)]
    return [_box(0.05, 0.72, 0.37, 0.37), *posts, *rims]


def _barrel() -> list[Part]:
    belly = Part(SPHERE, (0.0, 0.5, 0.0), (0.45, 0.56, 0.45))
    hoops = [_frustum(y, y + 0.07, radius, 1) for y, radius in ((0.06, 0.375), (0.87, 0.375))]
    waists = [_frustum(y, y + 0.06, 0.445, 1) for y in (0.29, 0.65)]
    return [belly, _frustum(0.0, 1.0, 0.35), *hoops, *waists]


def _lamp() -> list[Part]:
    foot = _frustum(0.0, 0.06, 0.26, 1)
    pole = _frustum(0.0, 1.25, 0.04, 1)
    shade = _frustum(1.0, 1.5, 0.44, 0, top_ratio=0.5)
    return [foot, pole, shade]


def _table() -> list[Part]:
    legs = [
        Part(BOX, (x, 0.34, z), (0.05, 0.34, 0.05), 1) for x in (-0.58, 0.58) for z in (-0.34, 0.34)
    ]
    return [_box(0.68, 0.78, 0.7, 0.46), *legs]


def _snowman() -> list[Part]:
    nose = Part(BOX, (0.0, 1.12, -0.24), (0.035, 0.035, 0.14), 2)
    hat = [_frustum(1.25, 1.29, 0.27, 1), _frustum(1.29, 1.52, 0.17, 1)]
    return [_sphere(0.36, 0.38), _sphere(0.84, 0.28), _sphere(1.16, 0.2), nose, *hat]


def _arch() -> list[Part]:
    pillars = [_box(0.0, 0.65, 0.115, 0.154, x=x) for x in (-0.4, 0.4)]
    angles_rad = [math.pi * (i + 0.5) / 7 for i in range(7)]
    stones = [
        Part(
            BOX,
            (0.4 * math.cos(angle), 0.65 + 0.4 * math.sin(angle), 0.0),
            # every other stone is a little thinner: equal faces would fight for the same depth
            (0.12, 0.12, 0.16 - 0.012 * (i % 2)),
            i % 2,
            tilt_rad=angle,
        )
        for i, angle in enumerate(angles_rad)
    ]
    return [*pillars, *stones]


_PARTS_OF_KIND: dict[str, list[Part]] = {
    "ball": [_sphere(0.45, 0.45)],
    "crate": _crate(),
    "barrel": _barrel(),
    "cone": [_box(0.0, 0.08, 0.45, 0.45, 1), _frustum(0.05, 1.2, 0.36, 0, top_ratio=0.1)],
    "lamp": _lamp(),
    "table": _table(),
    "snowman": _snowman(),
    "arch": _arch(),
}

KINDS: tuple[str, ...] = tuple(_PARTS_OF_KIND)
"""Names of the kinds, in the order of their classes."""

SEGMENTATION_LABELS: tuple[str, ...] = ("background", "ground", *KINDS)
"""Names of the values of class_ids."""


def parts_of(kind: str) -> list[Part]:
    """Return the primitives of one of KINDS, about 1 m in size."""
    return _PARTS_OF_KIND[kind]


def footprint_m(kind: str) -> float:
    """Return the radius of the circle on the ground that a kind of size 1 stands on."""
    return max(
        math.hypot(part.centre_m[0], part.centre_m[2])
        + max(part.half_size_m[0], part.half_size_m[2])
        for part in parts_of(kind)
    )
