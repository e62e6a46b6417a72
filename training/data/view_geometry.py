"""How events, pictures and labels of different cameras are brought under one geometry."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from events.packet import EVENT_DTYPE, EventArray, EventPacket, SensorSize, pack_events

Matrix = npt.NDArray[np.float64]


def camera_matrix(fx: float, fy: float, cx: float, cy: float) -> Matrix:
    """Return the (3, 3) matrix of a pinhole camera; lengths in pixels."""
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float64)


def rotation_homography(to_camera: Matrix, rotation: Matrix, from_camera: Matrix) -> Matrix:
    """Return the (3, 3) map from pixels of one camera to those of another beside it.

    True of what is far away: the distance between the cameras is left out, which moves what is
    nearest by ``focal length * distance / depth`` pixels.

    Args:
        to_camera: (3, 3) matrix of the camera whose pixels are wanted.
        rotation: (3, 3), turns directions of the first camera into those of the wanted one.
        from_camera: (3, 3) matrix of the first camera.
    """
    found = to_camera @ rotation @ np.linalg.inv(from_camera)
    scaled: Matrix = found / found[2, 2]
    return scaled


def warped(picture: Image.Image, homography: Matrix, sensor: SensorSize) -> npt.NDArray[np.uint8]:
    """Return (H, W, 3) RGB as a sensor beside the camera sees it; black where it took nothing.

    Each sensor pixel takes the bilinear value at its place in the picture, which is shrunk by a
    whole factor first (each block's mean) where it is finer than the sensor.

    Args:
        picture: As the camera took it.
        homography: (3, 3) map from the sensor's pixels to the picture's, (0, 0) their first centre.
        sensor: Size of what is returned.
    """
    # Pillow counts from the corner of the first pixel.
    shift = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    cornered = shift @ homography @ np.linalg.inv(shift)
    factor = max(int(np.sqrt(abs(np.linalg.det(cornered[:2, :2] / cornered[2, 2])))), 1)
    shrunk = np.diag([1 / factor, 1 / factor, 1]) @ cornered
    values = (shrunk / shrunk[2, 2]).reshape(-1)[:8].tolist()
    seen = picture.convert("RGB").reduce(factor)
    return np.asarray(
        seen.transform(
            (sensor.width, sensor.height),
            Image.Transform.PERSPECTIVE,
            tuple(values),
            Image.Resampling.BILINEAR,
        )
    )


def moved(packet: EventPacket, places: npt.NDArray[np.floating]) -> EventPacket:
    """Return a packet with each event where its pixel lies without the lens' distortion.

    Places are rounded to the nearest pixel, and what falls outside the sensor is left out.

    Args:
        packet: Of the sensor that ``places`` is of.
        places: (H, W, 2) x and y of each pixel.
    """
    x, y = np.rint(places[packet.y, packet.x]).T
    sensor = packet.sensor
    inside = (x >= 0) & (x < sensor.width) & (y >= 0) & (y < sensor.height)
    events = pack_events(packet.t[inside], x[inside], y[inside], packet.p[inside])
    return EventPacket(events, sensor, packet.start_us, packet.end_us, packet.num_lost)


def top_rows(packet: EventPacket, height: int) -> EventPacket:
    """Return a packet of the sensor's first ``height`` rows; the car's bonnet is below them."""
    sensor = SensorSize(packet.sensor.width, height)
    words: Any = packet.words[packet.y < height]  # numpy would leave garbage between the fields
    events: EventArray = words.reshape(-1).view(EVENT_DTYPE)
    return EventPacket(events, sensor, packet.start_us, packet.end_us, packet.num_lost)


def known_depth(
    depth_m: npt.NDArray[np.floating], farthest_m: float = np.inf
) -> npt.NDArray[np.float32]:
    """Return (H, W) metres, 0 where not known: no number, not positive, or ``farthest_m`` and on.

    Args:
        depth_m: (H, W) as a data set has it.
        farthest_m: What its simulator says of the sky.
    """
    values = np.asarray(depth_m, np.float32)
    is_known = np.isfinite(values) & (values > 0) & (values < farthest_m)
    return np.where(is_known, values, np.float32(0))
