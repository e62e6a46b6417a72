"""The synthetic source: events of a synthetic scene with exact ground truth, for ever the same."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from events.packet import EventPacket, SensorSize
from events.simulate.contrast import ContrastConfig
from events.simulate.scene import Frame, Scene, SceneConfig
from events.simulate.stream import SceneStream
from events.sources.playback import Playback
from events.sources.source import SourceStatus

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


class SyntheticSource:
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
        self._playback = Playback(
            0, duration_us or LONG_US, speed=speed, is_looping=duration_us is None
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

    @property
    def is_live(self) -> bool:
        return False

    @property
    def status(self) -> SourceStatus:
        return SourceStatus(state=self._playback.state, clock_us=self._playback.clock_us)

    def __enter__(self) -> Self:
        if self._was_open:
            self._playback.reopen()
        self._was_open = True
        self._stream = SceneStream(Scene(self._config, self._seed), self._contrast, self._seed)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._stream = None

    def packets(self) -> Iterator[EventPacket]:
        """Yield packets until the end of the timeline; call again after a seek or resume there."""
        assert self._stream is not None, "packets() of a source that is not open"
        while span := self._playback.next_span():
            yield EventPacket(self._stream.events_between(*span), self._sensor, *span)

    def stop(self) -> None:
        self._playback.stop()

    def truth(self, t_us: int) -> Frame:
        """Return picture, depth, classes and objects at ``t_us``; from any thread."""
        with self._truth_lock:
            if self._truth_scene is None:
                self._truth_scene = Scene(self._config, self._seed)
            return self._truth_scene.render(t_us)

    @property
    def start_us(self) -> int:
        return self._playback.start_us

    @property
    def end_us(self) -> int:
        return self._playback.end_us

    @property
    def speed(self) -> float:
        return self._playback.speed

    @property
    def is_looping(self) -> bool:
        return self._playback.is_looping

    def seek(self, t_us: int) -> None:
        self._playback.seek(t_us)

    def set_speed(self, speed: float) -> None:
        self._playback.set_speed(speed)

    def set_looping(self, is_looping: bool) -> None:
        self._playback.set_looping(is_looping)

    def pause(self) -> None:
        self._playback.pause()

    def resume(self) -> None:
        self._playback.resume()

    def step(self, duration_us: int) -> None:
        self._playback.step(duration_us)
