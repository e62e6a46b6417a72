"""7-Scenes: indoor frames with depth; events by moving a camera through each frame's geometry.

Layout: ``frame-NNNNNN.{color.jpg,depth.png,pose.txt}`` and ``camera-intrinsics.txt`` in one folder.
Source: Shotton et al., "Scene Coordinate Regression Forests for Camera Relocalization in RGB-D
Images", CVPR 2013.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from events.packet import SensorSize
from events.simulate.contrast import events_from_frames
from events.simulate.parallax import PathConfig, parallax_frames, random_path, small_motion
from training.data.check import Finding, check_picture
from training.data.dataset import LabelledWindow, Sequential, Split
from training.data.folder import DataError, brightness, intensity, require
from training.data.last_used import LastUsed
from training.data.recorded import SPLITS
from training.data.virtual_camera import NUM_FRAMES, random_contrast

ORIGINAL_WIDTH = 640
"""The intrinsics are given for this width."""
UNKNOWN_DEPTH_MM = 65535
FRAME_INTERVAL_US = 33_333
"""The frames were recorded at 30 Hz."""
BORDER = 120
"""Mirrored pixels around a frame, seen where a view reaches beyond it; their depth is unknown."""
TREMOR = PathConfig(translation_m=0.01, rotation_rad=0.008)
"""A hand's own motion, added to the recorded one."""


class SevenScenes(Sequential):
    """Windows with depth; the last fifth of the frames is held out.

    A window shows the camera's recorded motion up to a frame, simulated from that frame's own
    geometry. In training, frames are enlarged or reduced, shifted, turned and made brighter or
    darker; an enlarged picture's depth is divided by the same factor, as if seen through the
    same lens from nearer (Yin et al., "Metric3D", ICCV 2023). A sequence of windows ends at the
    frame; before its end the depth is unknown.
    """

    name = "7scenes"
    layout = "dense/7scenes_320x240/{frame-*.{color.jpg,depth.png,pose.txt}, camera-intrinsics.txt}"
    recognition_labels: tuple[str, ...] = ()
    segmentation_labels: tuple[str, ...] = ()

    def __init__(self, root: Path) -> None:
        self.folder = require(root / "dense" / "7scenes_320x240")
        self.stems = sorted(path.name.split(".")[0] for path in self.folder.glob("*.color.jpg"))
        if len(self.stems) < 5:
            raise DataError(f"{self.folder} has {len(self.stems)} frames, 5 are the least")
        self.intrinsics = np.loadtxt(require(self.folder / "camera-intrinsics.txt"))
        self._load = LastUsed(self._read, most=256)

    def num_windows(self, split: Split) -> int:
        return len(self._stems(split))

    def _stems(self, split: Split) -> list[str]:
        first_val = len(self.stems) - len(self.stems) // 5
        return self.stems[:first_val] if split == "train" else self.stems[first_val:]

    def sequence(
        self,
        split: Split,
        index: int,
        seed: int,
        sensor: SensorSize,
        window_us: int,
        num_windows: int,
        *,
        augment: bool = False,
        with_images: bool = False,
    ) -> list[LabelledWindow]:
        rng = np.random.default_rng((seed, index))
        frame = self._load(self._stems(split)[index])
        view = _random_view(rng) if augment else View()
        picture, depth_m = _crop(frame, view, sensor, frame.brightness)
        frames_a_window = window_us / FRAME_INTERVAL_US * (rng.uniform(0.5, 2) if augment else 1)
        num_frames = num_windows * (NUM_FRAMES - 1) + 1
        path = random_path(rng, num_frames, _lengthened(TREMOR, num_windows))
        path -= np.linspace(1, 0, num_frames, dtype=np.float32)[:, None] * (
            frame.motion * np.float32(frames_a_window * num_windows)
        )
        focal_px = float(self.intrinsics[0, 0]) * sensor.width / ORIGINAL_WIDTH
        frames = parallax_frames(intensity(picture) ** view.gamma, depth_m, focal_px, path)
        times_us = np.linspace(0, num_windows * window_us, num_frames, dtype=np.int64)
        contrast = random_contrast(rng if augment else None)
        packet = events_from_frames(frames, times_us, contrast, int(rng.integers(2**31)))
        windows = [
            LabelledWindow(packet=packet.between(i * window_us, (i + 1) * window_us))
            for i in range(num_windows)
        ]
        windows[-1] = replace(windows[-1], depth_m=depth_m)
        if not with_images:
            return windows
        image, _ = _crop(frame, view, sensor, frame.colour)
        light = intensity(image) ** np.float32(view.gamma)
        planes = [
            parallax_frames(np.ascontiguousarray(plane), depth_m, focal_px, path[:: NUM_FRAMES - 1])
            for plane in light.transpose(2, 0, 1)
        ]
        seen = brightness(np.stack(planes, axis=-1))
        return [
            replace(window, image=seen[i + 1], previous=seen[i]) for i, window in enumerate(windows)
        ]

    def check(self, *, deep: bool) -> Iterator[Finding]:
        """Yield a finding for each frame, its depth and its pose."""
        for split in SPLITS:
            for stem in self._stems(split):
                for kind in ("color.jpg", "depth.png"):
                    yield check_picture(self.folder / f"{stem}.{kind}", split, "", deep=deep)
                yield self._check_pose(split, stem)

    def _check_pose(self, split: Split, stem: str) -> Finding:
        path = self.folder / f"{stem}.pose.txt"
        if not path.is_file():
            return Finding(path=path, split=split, state="missing", problem="no such file")
        try:
            shape = np.loadtxt(path).shape
        except ValueError:
            shape = ()
        if shape == (4, 4):
            return Finding(path=path, split=split)
        return Finding(path=path, split=split, state="corrupt", problem="is no 4x4 matrix")

    def _read(self, stem: str) -> RecordedFrame:
        with Image.open(self.folder / f"{stem}.color.jpg") as file:
            border = ((BORDER, BORDER), (BORDER, BORDER), (0, 0))
            colour = Image.fromarray(np.pad(np.asarray(file.convert("RGB")), border, "reflect"))
            gray = Image.fromarray(np.pad(np.asarray(file.convert("L")), BORDER, "reflect"))
        with Image.open(self.folder / f"{stem}.depth.png") as file:
            depth_mm = np.asarray(file, np.float32)
        depth_m = np.where(depth_mm >= UNKNOWN_DEPTH_MM, 0, depth_mm / 1000).astype(np.float32)
        index = self.stems.index(stem)
        before, now = (self._pose(self.stems[max(i, 0)]) for i in (index - 1, index))
        return RecordedFrame(colour, gray, Image.fromarray(depth_m), small_motion(before, now))

    def _pose(self, stem: str) -> npt.NDArray[np.float64]:
        return np.loadtxt(require(self.folder / f"{stem}.pose.txt"))


class RecordedFrame(NamedTuple):
    """One frame as it was recorded."""

    colour: Image.Image
    """With a mirrored border of BORDER pixels."""
    brightness: Image.Image
    """The same in grey."""
    depth_m: Image.Image
    """0 where unknown."""
    motion: npt.NDArray[np.float32]
    """(6,) camera motion since the frame before, metres and radians, in this frame's axes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Which part of a frame is shown, and how."""

    zoom: float = 1.0
    centre: tuple[float, float] = (0.5, 0.5)
    """Of the part, as shares of the frame's width and height."""
    turn_rad: float = 0.0
    is_mirrored: bool = False
    gamma: float = 1.0


def _lengthened(tremor: PathConfig, num_windows: int) -> PathConfig:
    """Return a hand's motion over several windows, as fast as in one."""
    return replace(
        tremor,
        translation_m=tremor.translation_m * num_windows,
        rotation_rad=tremor.rotation_rad * num_windows,
    )


def _random_view(rng: np.random.Generator) -> View:
    zoom = float(np.exp(rng.uniform(-0.3, 0.3)))  # as often nearer as farther: unbiased depth
    room = abs(0.5 - 0.5 / zoom) + 0.08
    return View(
        zoom=zoom,
        centre=(0.5 + float(rng.uniform(-room, room)), 0.5 + float(rng.uniform(-room, room))),
        turn_rad=float(rng.normal(0, 0.12)),
        is_mirrored=bool(rng.random() < 0.5),
        gamma=float(rng.uniform(0.7, 1.4)),
    )


def _crop(
    frame: RecordedFrame, view: View, sensor: SensorSize, picture: Image.Image
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Return ``picture`` and depth of a view at the sensor's size; depth 0 outside the frame."""
    width, height = frame.depth_m.size
    step = width / sensor.width / view.zoom
    cos, sin = step * np.cos(view.turn_rad), step * np.sin(view.turn_rad)
    if view.is_mirrored:
        a, b, d, e = -cos, -sin, -sin, cos
    else:
        a, b, d, e = cos, -sin, sin, cos
    middle_x, middle_y = sensor.width / 2, sensor.height / 2
    c = view.centre[0] * width - a * middle_x - b * middle_y
    f = view.centre[1] * height - d * middle_x - e * middle_y
    size = (sensor.width, sensor.height)
    seen = picture.transform(
        size,
        Image.Transform.AFFINE,
        (a, b, c + BORDER, d, e, f + BORDER),
        Image.Resampling.BILINEAR,
    )
    depth_m = frame.depth_m.transform(
        size, Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.NEAREST
    )
    return np.asarray(seen, np.uint8), np.asarray(depth_m, np.float32) / np.float32(view.zoom)


dataset = SevenScenes
