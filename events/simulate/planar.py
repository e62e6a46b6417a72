"""A virtual camera that moves over a still picture: frames for the contrast simulator.

Moving pictures in front of an event camera is how N-Caltech101 was made: Orchard et al.,
"Converting Static Image Datasets to Spiking Neuromorphic Datasets Using Saccades", 2015.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from events.packet import SensorSize

FloatArray = npt.NDArray[np.float32]

OUTSIDE = 255
"""Label of pixels that lie outside the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanarConfig:
    """How far the virtual camera moves during one sequence; all ranges are drawn anew each time."""

    translation: tuple[float, float] = (0.02, 0.12)
    """Length of the path, as a share of the sensor's height."""
    zoom: tuple[float, float] = (0.8, 1.3)
    """Size of the picture in the middle of the path; at 1 it just fits inside the sensor."""
    zoom_change: float = 0.08
    """Largest relative change of size along the path."""
    rotation_rad: float = 0.1
    """Largest turn along the path."""
    tilt_rad: float = 0.15
    """Largest constant turn of the picture."""
    perspective: float = 0.05
    """Largest change of scale between two opposite borders of the picture, along the path."""
    offset: float = 0.1
    """Largest distance of the picture's centre from the sensor's, in sensor heights."""
    has_mirrored_border: bool = True
    """Whether the picture goes on mirrored beyond its borders, or mid-grey lies there."""

    def __post_init__(self) -> None:
        for name in ("translation", "zoom"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise ValueError(f"{name} must be a range from 0 or more, got ({low}, {high})")
        if not self.zoom[0] > 0:
            raise ValueError(f"zoom must be positive, got {self.zoom}")


class PlanarMotion:
    """A smooth random path of homographies that map sensor pixels to picture pixels.

    Args:
        picture_size: (height, width) of the picture.
        size: Of the sensor.
        random: Decides the path.
        config: Ranges of the motion.
    """

    def __init__(
        self,
        picture_size: tuple[int, int],
        size: SensorSize,
        random: np.random.Generator,
        config: PlanarConfig,
    ) -> None:
        self._config = config
        self._size = size
        self._picture_height, self._picture_width = picture_size
        self._zoom = math.exp(random.uniform(math.log(config.zoom[0]), math.log(config.zoom[1])))
        self._tilt_rad = random.uniform(-1, 1) * config.tilt_rad
        self._offset = random.uniform(-1, 1, 2) * config.offset
        self._distance = random.uniform(*config.translation)
        self._heading_rad = random.uniform(0, 2 * math.pi)
        self._bend = random.uniform(-1, 1)
        self._turn_rad = random.uniform(-1, 1) * config.rotation_rad
        self._zoom_change = random.uniform(-1, 1) * config.zoom_change
        self._perspective = random.uniform(-1, 1, 2) * config.perspective
        self._tremor_phase = random.uniform(0, 2 * math.pi, 2)

    def homography(self, phase: float) -> npt.NDArray[np.float64]:
        """Return (3, 3) from sensor pixels (x, y, 1) to picture pixels at ``phase`` in [0, 1]."""
        s = phase - 0.5
        height, width = self._size.height, self._size.width
        heading = self._heading_rad + self._bend * s
        # a slight tremor, so that no edge lies along the motion for all the time
        tremor = 0.05 * self._distance * np.sin(4 * math.pi * phase + self._tremor_phase)
        path = s * self._distance * np.array([math.cos(heading), math.sin(heading)]) + tremor
        shift_x, shift_y = (self._offset + path) * height
        fit = min(width / self._picture_width, height / self._picture_height)
        scale = fit * self._zoom * (1 + self._zoom_change * s)
        angle = self._tilt_rad + self._turn_rad * s
        cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
        centre = np.array(
            [[1, 0, -(width - 1) / 2 - shift_x], [0, 1, -(height - 1) / 2 - shift_y], [0, 0, 1]]
        )
        turn = np.array(
            [[cos, sin, 0], [-sin, cos, 0], [*(2 * s * self._perspective / max(width, height)), 1]]
        )
        back = np.array(
            [
                [1, 0, (self._picture_width - 1) / 2],
                [0, 1, (self._picture_height - 1) / 2],
                [0, 0, 1],
            ]
        )
        homography: npt.NDArray[np.float64] = back @ turn @ centre
        return homography

    def frame(self, picture: FloatArray, phase: float, out: FloatArray) -> None:
        """Write the (H, W) view of ``picture`` at ``phase`` into ``out``, sampled bilinearly."""
        sample_bilinear(picture, self.homography(phase), self._config.has_mirrored_border, out)

    def warp_labels(
        self, labels: npt.NDArray[np.uint8], phase: float = 1.0
    ) -> npt.NDArray[np.uint8]:
        """Return the (H, W) labels under the sensor's pixels at ``phase``, else OUTSIDE.

        Args:
            labels: (height, width) labels of the picture, at its size or any other of its shape.
            phase: Where on the path; 1 is the end of the window, where truth is given.
        """
        out = np.empty((self._size.height, self._size.width), np.uint8)
        scale_x = labels.shape[1] / self._picture_width
        scale_y = labels.shape[0] / self._picture_height
        # pixel centres of both grids coincide, not their first pixels
        resize = np.array(
            [[scale_x, 0, scale_x / 2 - 0.5], [0, scale_y, scale_y / 2 - 0.5], [0, 0, 1]]
        )
        sample_nearest(labels, resize @ self.homography(phase), out)
        return out


def planar_frames(
    picture: FloatArray,
    size: SensorSize,
    num_frames: int,
    random: np.random.Generator,
    config: PlanarConfig,
    *,
    motion: PlanarMotion | None = None,
) -> FloatArray:
    """Return (T, H, W) float32 views of a picture along a random path, the last at the path's end.

    Args:
        picture: (height, width) linear intensity in [0, 1]; one much larger than the sensor aliases
            and should be reduced first.
        size: Of the sensor.
        num_frames: T, at least 2.
        random: Decides the path.
        config: Ranges of the motion.
        motion: A path of one's own, to warp labels along it too; then ``random`` and ``config``
            decide nothing.
    """
    if num_frames < 2:
        raise ValueError(f"num_frames must be at least 2, got {num_frames}")
    picture = np.ascontiguousarray(picture, np.float32)
    if motion is None:
        height, width = picture.shape
        motion = PlanarMotion((height, width), size, random, config)
    frames = np.empty((num_frames, size.height, size.width), np.float32)
    for index, frame in enumerate(frames):
        motion.frame(picture, index / (num_frames - 1), frame)
    return frames


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def sample_bilinear(
    picture: FloatArray,
    homography: npt.NDArray[np.float64],
    is_mirrored: bool,
    out: FloatArray,
) -> None:
    """Sample ``picture`` at homography @ (x, y, 1) for every pixel of ``out``."""
    height, width = picture.shape
    h = homography.astype(np.float32)
    us, vs = np.empty(out.shape[1], np.float32), np.empty(out.shape[1], np.float32)
    for y in range(out.shape[0]):
        u0 = h[0, 1] * y + h[0, 2]
        v0 = h[1, 1] * y + h[1, 2]
        w0 = h[2, 1] * y + h[2, 2]
        for x in range(out.shape[1]):  # a loop of its own: it compiles to vector instructions
            place = np.float32(x)
            w = h[2, 0] * place + w0
            us[x] = (h[0, 0] * place + u0) / w
            vs[x] = (h[1, 0] * place + v0) / w
        for x in range(out.shape[1]):
            u, v = us[x], vs[x]
            floor_u, floor_v = np.floor(u), np.floor(v)
            fx, fy = u - floor_u, v - floor_v
            left, top = int(floor_u), int(floor_v)
            right, bottom = left + 1, top + 1
            if left < 0 or top < 0 or right >= width or bottom >= height:
                is_far = u < -0.5 or v < -0.5 or u >= width - 0.5 or v >= height - 0.5
                if is_far and not is_mirrored:
                    out[y, x] = 0.5
                    continue
                left, top = _mirror(left, width), _mirror(top, height)
                right, bottom = _mirror(right, width), _mirror(bottom, height)
            upper = picture[top, left] + (picture[top, right] - picture[top, left]) * fx
            lower = picture[bottom, left] + (picture[bottom, right] - picture[bottom, left]) * fx
            out[y, x] = upper + (lower - upper) * fy


@numba.njit(nogil=True, cache=True)
def _mirror(index: int, length: int) -> int:
    """Return ``index`` folded back into [0, length), the border pixel repeated."""
    index %= 2 * length
    return index if index < length else 2 * length - 1 - index


@numba.njit(nogil=True, cache=True)
def sample_nearest(
    labels: npt.NDArray[np.uint8], homography: npt.NDArray[np.float64], out: npt.NDArray[np.uint8]
) -> None:
    """Take the label nearest to homography @ (x, y, 1) for every pixel of ``out``, or OUTSIDE."""
    height, width = labels.shape
    h = homography
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            w = h[2, 0] * x + h[2, 1] * y + h[2, 2]
            column = math.floor((h[0, 0] * x + h[0, 1] * y + h[0, 2]) / w + 0.5)
            row = math.floor((h[1, 0] * x + h[1, 1] * y + h[1, 2]) / w + 0.5)
            is_inside = 0 <= column < width and 0 <= row < height
            out[y, x] = labels[row, column] if is_inside else OUTSIDE
