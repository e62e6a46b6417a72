"""Sizes of iniVation's sensors by the names that AEDAT headers give them."""

from __future__ import annotations

import re

from events.packet import SensorSize

DVS128 = SensorSize(128, 128)
DAVIS = {
    "128": SensorSize(128, 128),
    "208": SensorSize(208, 192),
    "240": SensorSize(240, 180),
    "346": SensorSize(346, 260),
    "640": SensorSize(640, 480),
}
"""By the number in the name; all lay out their addresses alike."""


def davis_size(name: str) -> SensorSize | None:
    """Return the size of a DAVIS, such as "Davis346blue" or "DAVIS240C"; None for other names."""
    if re.match(r"(?i)sbret\d\d", name):  # what the DAVIS240 was called at first
        return DAVIS["240"]
    found = re.match(r"(?i)(?:apsdvs|davis)\D*(\d{3})", name)
    return DAVIS.get(found[1]) if found else None


def is_dvs128(name: str) -> bool:
    """Whether a name is that of a DVS128, or of the chip from which it came."""
    return re.match(r"(?i)dvs128|tmpdiff128", name) is not None
