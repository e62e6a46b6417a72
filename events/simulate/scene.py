"""A synthetic scene with exact ground truth: textured objects in a room, before a moving camera."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from events.packet import EventArray, EventPacket, SensorSize, join_events
from events.simulate import shading
from events.simulate.camera_path import CameraPath
from events.simulate.contrast import ContrastSimulator
from events.simulate.kinds import KINDS, SEGMENTATION_LABELS
from events.simulate.layout import assemble, draw_materials, draw_objects, draw_room
from events.simulate.raycast import MISS_M, Parts, Placed, View, allocate_placed, cast, place
from events.simulate.room import shade_room
from events.simulate.sample import SampleConfig
from events.simulate.surfaces import Light, Target
from events.simulate.textures import texture_atlas
from events.simulate.truth import Frame, dominant_kind

__all__ = [
    "KINDS",
    "SEGMENTATION_LABELS",
    "Frame",
    "SampledWindow",
    "Scene",
    "SceneConfig",
    "dominant_kind",
    "sample_window",
    "sample_windows",
]

FloatArray = npt.NDArray[np.float32]

LATEST_START_US = 600_000_000
"""Samples start anywhere between 0 and this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneConfig:
    """A scene's size and liveliness; everything else is drawn from the seed."""

    width: int = 346
    """Of the picture in pixels."""
    height: int = 260
    num_near: tuple[int, int] = (8, 10)
    """Range of the number of objects 1.8 to 3.4 m around the camera's place; with 8 or more, one is
    always in view."""
    num_far: tuple[int, int] = (2, 6)
    """Range of the number of objects behind them, up to 7.5 m away."""
    motion: float = 1.0
    """Factor on all speeds."""
    field_of_view_rad: float = math.radians(60)
    """Horizontal."""
    light_swing: float = 0.1
    """Largest relative change of the light's level."""

    def __post_init__(self) -> None:
        SensorSize(self.width, self.height)
        for name, least in (("num_near", 1), ("num_far", 0)):
            low, high = getattr(self, name)
            if not least <= low <= high <= 100:
                raise ValueError(
                    f"{name} must be a range within {least} to 100, got ({low}, {high})"
                )
        if not 0 <= self.motion <= 100:
            raise ValueError(f"motion must lie between 0 and 100, got {self.motion}")
        if not 0.1 <= self.field_of_view_rad <= 2.5:
            raise ValueError(
                f"field_of_view_rad must lie between 0.1 and 2.5, got {self.field_of_view_rad}"
            )
        if not 0 <= self.light_swing <= 0.5:
            raise ValueError(f"light_swing must lie between 0 and 0.5, got {self.light_swing}")

    def build(self, seed: int) -> Scene:
        return Scene(self, seed)


class Scene:
    """Renders any instant: a pure function of config, seed and time. One thread at a time.

    The camera stands in a ring of objects and pans slowly around, so that each comes by. Any time
    is as good as any other, negative ones too.
    """

    def __init__(self, config: SceneConfig, seed: int) -> None:
        self.config = config
        self.sensor = SensorSize(config.width, config.height)
        random = np.random.default_rng(seed)
        num_near = int(random.integers(config.num_near[0], config.num_near[1] + 1))
        num_far = int(random.integers(config.num_far[0], config.num_far[1] + 1))
        self._objects = draw_objects(random, num_near, num_far, config.motion)
        self._materials = draw_materials(random, num_near + num_far)
        self._room = draw_room(random)
        self._path = CameraPath(random, config.motion, config.field_of_view_rad)
        self._parts: Parts = assemble(self._objects)
        self._classes = (2 + self._objects.kinds).astype(np.uint8)
        self._sun_angle = random.uniform(0, 2 * math.pi)
        self._sun_height = random.uniform(0.5, 1.2)
        self._ambient = float(random.uniform(0.3, 0.6))
        self._level = float(random.uniform(0.8, 1.2))
        self._light_rate = random.uniform(0.5, 2.5)
        self._atlas = texture_atlas()
        shape = (config.height, config.width)
        self._placed: Placed = allocate_placed(len(self._parts.shape))
        self._raw = np.empty(shape, np.float32)
        self._rows = np.empty(shape, np.float32)
        self._depth_m = np.empty(shape, np.float32)
        self._part_ids = np.empty(shape, np.int32)

    @property
    def object_kinds(self) -> tuple[str, ...]:
        """Kind of every object; object id i is the entry i - 1."""
        return tuple(KINDS[kind] for kind in self._objects.kinds)

    def view(self, t_us: int) -> View:
        """Return the camera at ``t_us``."""
        return self._path.view(t_us * 1e-6, self.sensor)

    def render(self, t_us: int) -> Frame:
        """Return picture and ground truth at ``t_us``, in arrays of their own."""
        intensity = np.empty_like(self._raw)
        self.render_intensity(t_us, intensity)
        class_ids = np.empty(intensity.shape, np.uint8)
        object_ids = np.empty(intensity.shape, np.uint8)
        shading.label(
            self._part_ids, self._parts.object_index, self._classes, class_ids, object_ids
        )
        return Frame(intensity, self._depth_m.copy(), class_ids, object_ids)

    def render_intensity(self, t_us: int, out: FloatArray) -> None:
        """Write the picture alone at ``t_us`` into ``out`` (H, W) float32."""
        view = self.view(t_us)
        poses = self._objects.poses(t_us * 1e-6)
        light = self._light(t_us * 1e-6)
        target = Target(self._raw, self._depth_m, self._part_ids)
        self._depth_m.fill(MISS_M)
        place(self._parts, poses, view, self.config.height, self.config.width, self._placed)
        cast(self._parts, self._placed, view, self._depth_m, self._part_ids)
        shade_room(view, self._room, light, self._materials, self._atlas, target)
        shading.shade_parts(
            self._parts, self._placed, view, light, self._materials, self._atlas, target
        )
        shading.shade_contacts(poses, self._objects.shadow_m, view, target)
        shading.blur(self._raw, self._rows, out)

    def _light(self, t_s: float) -> Light:
        swing = self.config.light_swing * math.sin(self._light_rate * t_s)
        angle = self._sun_angle + 0.05 * t_s
        flat, high = math.cos(self._sun_height), math.sin(self._sun_height)
        direction = np.array([flat * math.sin(angle), high, flat * math.cos(angle)], np.float32)
        return Light(direction, self._ambient, self._level * (1 + swing))


class SampledWindow(NamedTuple):
    """One window of a random scene."""

    packet: EventPacket
    truth: Frame
    """At the window's end."""
    intensity_at_start: FloatArray
    """(H, W) linear, in [0, 1]."""


def sample_window(
    seed: int, size: SensorSize, window_us: int, config: SampleConfig | None = None
) -> SampledWindow:
    """Return one window of a random scene.

    Args:
        seed: Decides everything; equal seeds give equal samples.
        size: Of the sensor.
        window_us: Length of the window.
        config: Ranges; the defaults if None.

    Raises:
        ValueError: ``window_us`` is not positive.
    """
    return sample_windows(seed, size, window_us, 1, config)[0]


def sample_windows(
    seed: int,
    size: SensorSize,
    window_us: int,
    num_windows: int,
    config: SampleConfig | None = None,
) -> list[SampledWindow]:
    """Return consecutive windows of one random scene; see ``sample_window``."""
    if window_us < 1:
        raise ValueError(f"window_us must be at least 1, got {window_us}")
    config = config or SampleConfig()
    random = np.random.default_rng(seed)
    scene_config = SceneConfig(
        width=size.width,
        height=size.height,
        motion=config.draw_motion(random),
        field_of_view_rad=float(random.uniform(*config.field_of_view_rad)),
    )
    scene = Scene(scene_config, int(random.integers(1 << 62)))
    contrast = config.draw_contrast(random)
    simulator = ContrastSimulator(size, contrast, int(random.integers(1 << 62)))
    start_us = int(random.integers(LATEST_START_US))
    num_steps = max(round(window_us / random.uniform(*config.frame_interval_us)), 1)
    times_us = np.linspace(0, window_us, min(num_steps, window_us) + 1)[1:].astype(np.int64)
    picture = np.empty((size.height, size.width), np.float32)
    scene.render_intensity(start_us, picture)
    simulator.step(picture, start_us)
    windows: list[SampledWindow] = []
    for _ in range(num_windows):
        at_start = windows[-1].truth.intensity if windows else picture.copy()
        parts: list[EventArray] = []
        for t_us in (start_us + times_us[:-1]).tolist():
            scene.render_intensity(t_us, picture)
            parts.append(simulator.step(picture, t_us))
        truth = scene.render(start_us + window_us)
        parts.append(simulator.step(truth.intensity, start_us + window_us))
        packet = EventPacket(join_events(parts), size, start_us, start_us + window_us)
        windows.append(SampledWindow(packet, truth, at_start))
        start_us += window_us
    return windows
