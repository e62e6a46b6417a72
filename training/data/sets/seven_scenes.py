"""7-Scenes: indoor frames with depth; events by moving a camera through each frame's geometry.

Layout: ``frame-NNNNNN.{color.jpg,depth.png,pose.txt}`` and ``camera-intrinsics.txt`` in one folder.
Source: Shotton et al., "Scene Coordinate Regression Forests for Camera Relocalization in RGB-D
Images", CVPR 2013.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from events.packet import SensorSize
from events.simulate.contrast import events_from_frames
from events.simulate.parallax import parallax_frames, random_path
from training.data.folder import DataError, data_folder, intensity, require
from training.data.labelled import LabelledWindow, Split
from training.data.virtual_camera import NUM_FRAMES, random_contrast

ORIGINAL_WIDTH = 640
"""The intrinsics are given for this width."""
UNKNOWN_DEPTH_MM = 65535


class SevenScenes:
    """Windows with depth; the last fifth of the frames is held out."""

    name = "7scenes"
    recognition_labels: tuple[str, ...] = ()
    segmentation_labels: tuple[str, ...] = ()

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = require(folder or data_folder() / "dense" / "7scenes_320x240")
        self.stems = sorted(path.name.split(".")[0] for path in self.folder.glob("*.color.jpg"))
        if len(self.stems) < 5:
            raise DataError(f"{self.folder} has {len(self.stems)} frames, 5 are the least")
        self.intrinsics = np.loadtxt(require(self.folder / "camera-intrinsics.txt"))
        self._load = functools.lru_cache(maxsize=256)(self._read)

    def num_windows(self, split: Split) -> int:
        return len(self._stems(split))

    def _stems(self, split: Split) -> list[str]:
        first_val = len(self.stems) - len(self.stems) // 5
        return self.stems[:first_val] if split == "train" else self.stems[first_val:]

    def window(
        self, split: Split, index: int, seed: int, sensor: SensorSize, window_us: int
    ) -> LabelledWindow:
        rng = np.random.default_rng((seed, index))
        image, depth_m = self._load(self._stems(split)[index], sensor)
        focal_px = float(self.intrinsics[0, 0]) * sensor.width / ORIGINAL_WIDTH
        path = random_path(rng, NUM_FRAMES)
        frames = parallax_frames(image, depth_m, focal_px, path)
        if split == "train" and rng.random() < 0.5:
            frames, depth_m = frames[:, :, ::-1], depth_m[:, ::-1]
        times_us = np.linspace(0, window_us, NUM_FRAMES, dtype=np.int64)
        config = random_contrast(rng if split == "train" else None)
        packet = events_from_frames(
            np.ascontiguousarray(frames), times_us, config, int(rng.integers(2**31))
        )
        return LabelledWindow(packet=packet, depth_m=np.ascontiguousarray(depth_m))

    def _read(
        self, stem: str, sensor: SensorSize
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return a frame's brightness and depth at the sensor's size; depth 0 where unknown."""
        size = (sensor.width, sensor.height)
        with Image.open(self.folder / f"{stem}.color.jpg") as file:
            brightness = np.asarray(file.convert("L").resize(size, Image.Resampling.BILINEAR))
        with Image.open(self.folder / f"{stem}.depth.png") as file:
            depth_mm = np.asarray(file.resize(size, Image.Resampling.NEAREST), np.float32)
        image = intensity(brightness)
        return image, np.where(depth_mm >= UNKNOWN_DEPTH_MM, 0, depth_mm / 1000).astype(np.float32)


dataset = SevenScenes
