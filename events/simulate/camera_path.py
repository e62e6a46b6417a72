"""The path of a synthetic scene's camera: a slow pan around the room with the sway of a hand."""

from __future__ import annotations

import math

import numpy as np

from events.packet import SensorSize
from events.simulate.raycast import View

_NUM_WAVES = 3
_AXES = ("x", "y", "z", "yaw", "pitch", "roll")
_AMPLITUDES = np.array([0.16, 0.06, 0.16, 0.05, 0.03, 0.03])
"""Of the sway: metres for the first three axes, rad for the others."""


class CameraPath:
    """Where the camera is at any time: a pure function of time, drawn once from ``random``.

    Args:
        random: Decides the path.
        motion: Factor on all speeds.
        field_of_view_rad: Horizontal.
    """

    def __init__(
        self, random: np.random.Generator, motion: float, field_of_view_rad: float
    ) -> None:
        shape = (_NUM_WAVES, len(_AXES))
        rate = random.uniform(1, 8, shape)
        self._phase = random.uniform(0, 2 * math.pi, shape)
        # fast waves are small: their speeds, not their ways, are alike
        self._amplitude = _AMPLITUDES * random.uniform(0.3, 1, shape) * (2.4 / rate)
        self._amplitude = np.minimum(self._amplitude, _AMPLITUDES)
        self._rate = rate * motion
        pan_rate = random.uniform(0.1, 0.3) * random.choice([-1, 1]) * motion
        self._start = np.array(
            [
                random.uniform(-0.15, 0.15),
                random.uniform(0.85, 1.5),
                random.uniform(-0.15, 0.15),
                random.uniform(0, 2 * math.pi),
                0.0,
                random.uniform(-0.04, 0.04),
            ]
        )
        # a camera that stands higher looks further down, at the same objects
        self._start[4] = -0.05 - 0.25 * (self._start[1] - 0.85) + random.uniform(-0.08, 0.04)
        self._pan_rate = pan_rate
        self._focal_per_width = 0.5 / math.tan(field_of_view_rad / 2)

    def view(self, t_s: float, size: SensorSize) -> View:
        """Return the camera at ``t_s`` for a sensor of ``size``."""
        sway = (self._amplitude * np.sin(self._rate * t_s + self._phase)).sum(axis=0)
        x, y, z, yaw, pitch, roll = (self._start + sway).tolist()
        yaw += self._pan_rate * t_s
        cos_yaw, sin_yaw = math.cos(yaw), math.sin(yaw)
        cos_pitch, sin_pitch = math.cos(pitch), math.sin(pitch)
        cos_roll, sin_roll = math.cos(roll), math.sin(roll)
        about_y = np.array([[cos_yaw, 0, sin_yaw], [0, 1, 0], [-sin_yaw, 0, cos_yaw]])
        about_x = np.array([[1, 0, 0], [0, cos_pitch, sin_pitch], [0, -sin_pitch, cos_pitch]])
        about_z = np.array([[cos_roll, -sin_roll, 0], [sin_roll, cos_roll, 0], [0, 0, 1]])
        return View(
            rotation=(about_y @ about_x @ about_z).astype(np.float32),
            position_m=np.array([x, y, z], np.float32),
            focal_px=self._focal_per_width * size.width,
            centre_x_px=(size.width - 1) / 2,
            centre_y_px=(size.height - 1) / 2,
        )
