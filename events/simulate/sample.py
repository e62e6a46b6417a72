"""The ranges from which random windows of synthetic scenes are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from events.simulate.contrast import ContrastConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleConfig:
    """Ranges from which each sample's scene and sensor are drawn."""

    threshold: tuple[float, float] = (0.12, 0.4)
    """Of contrast, for ON; OFF differs by up to a fifth."""
    motion: tuple[float, float] = (0.5, 2)
    """Factor on all speeds of the scene, log-uniform."""
    field_of_view_rad: tuple[float, float] = (math.radians(50), math.radians(75))
    frame_interval_us: tuple[int, int] = (5_000, 10_000)
    """Time between rendered frames; light changes linearly in between."""
    noise_share: float = 0.7
    """Of samples whose sensor has noise, mismatch and a refractory period."""

    def __post_init__(self) -> None:
        for name in ("threshold", "motion", "field_of_view_rad", "frame_interval_us"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} must be a range of positive numbers, got ({low}, {high})")
        if not 0 <= self.noise_share <= 1:
            raise ValueError(f"noise_share must lie between 0 and 1, got {self.noise_share}")

    def draw_motion(self, random: np.random.Generator) -> float:
        """Return a factor on all speeds."""
        return _log_uniform(random, *self.motion)

    def draw_contrast(self, random: np.random.Generator) -> ContrastConfig:
        """Return a sensor."""
        threshold_on = float(random.uniform(*self.threshold))
        threshold_off = threshold_on * float(random.uniform(0.8, 1.25))
        if random.random() >= self.noise_share:
            return ContrastConfig(
                threshold_on=threshold_on, threshold_off=threshold_off, has_random_phase=True
            )
        return ContrastConfig(
            threshold_on=threshold_on,
            threshold_off=threshold_off,
            threshold_sigma=float(random.uniform(0, 0.05)),
            refractory_us=int(random.integers(0, 1000)),
            leak_rate_hz=float(random.uniform(0, 0.3)),
            shot_noise_rate_hz=_log_uniform(random, 0.1, 3),
            hot_pixel_fraction=float(random.uniform(0, 3e-4)),
            has_random_phase=True,
        )


def _log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    return math.exp(random.uniform(math.log(low), math.log(high)))
