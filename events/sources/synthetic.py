"""The synthetic source: events of a synthetic scene with exact ground truth, for ever the same."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from typing import Self

from events.packet import EventPacket, SensorSize
from events.simulate.contrast import ContrastConfig
from events.simulate.scene import Frame, Scene, SceneConfig
from events.simulate.stream import SceneStream
from events.sources.playback import Playback

LONG_US = 600_000_000
"""Length of a scene that was asked to have no end: ten minutes, and again."""

CONTRAST = ContrastConfig(
    threshold_on=0.22,
    threshold_off=0.22,
    threshold_sigma=0.02,
    refractory_us=300,
    leak_rate_hz=0.05,
    shot_noise_rate_hz=0.5,
    hot_pixel_fraction=5e-5,
    has_random_phase=True,
)
"""The sensor in front of the scene."""


class SyntheticSource(Playback):
    """Plays a synthetic scene; equal arguments give equal events whenever it is opened.

    Args:
        config: The scene's; its width and height give way to ``sensor``.
        seed: Of the scene and the sensor's noise.
        sensor: Size; the config's if None.
        duration_us: Length of the timeline, which starts at 0; None is ten minutes that loop.
        speed: Event seconds per wall second; ``math.inf`` is as fast as packets are consumed.
        contrast: The sensor's thresholds and noise.
    """

    def __init__(
        self,
        config: SceneConfig | None = None,
        seed: int = 0,
        sensor: SensorSize | None = None,
        duration_us: int | None = None,
        speed: float = 1.0,
        contrast: ContrastConfig = CONTRAST,
    ) -> None:
        config = config or SceneConfig()
        if sensor is not None:
            config = dataclasses.replace(config, width=sensor.width, height=sensor.height)
        if duration_us is not None and duration_us < 1:
            raise ValueError(f"duration_us must be at least 1, got {duration_us}")
        if seed < 0:
            raise ValueError(f"seed must not be negative, got {seed}")
        self._config = config
        self._seed = seed
        self._contrast = contrast
        self._sensor = SensorSize(config.width, config.height)
        super().__init__(
            0,
            duration_us or LONG_US,
            speed=speed,
            is_looping=duration_us is None,
            shows_step_back=False,
        )
        self._stream: SceneStream | None = None
        self._was_open = False
        self._truth_scene: Scene | None = None
        self._truth_lock = threading.Lock()

    @property
    def name(self) -> str:
        return f"synthetic:{self._seed}"

    @property
    def sensor(self) -> SensorSize:
        return self._sensor

    def __enter__(self) -> Self:
        first_us = 0 if self._was_open else self._head_us  # it may be sought before it is opened
        self._was_open = True
        self._open(self.start_us, self.end_us)
        self.seek(first_us)
        self._stream = SceneStream(Scene(self._config, self._seed), self._contrast, self._seed)
        return self

    def packets(self) -> Iterator[EventPacket]:
        """Yield packets until the end of the timeline; call again after a seek or resume there."""
        assert self._stream is not None, "packets() of a source that is not open"
        while span := self._next_span():
            yield EventPacket(self._stream.events_between(*span), self._sensor, *span)

    def truth(self, t_us: int) -> Frame:
        """Return picture, depth, classes and objects at ``t_us``; from any thread."""
        with self._truth_lock:
            if self._truth_scene is None:
                self._truth_scene = Scene(self._config, self._seed)
            return self._truth_scene.render(t_us)
