"""What drawing one frame costs, without the window system."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from app.bench.row import Row, alternating_ms
from app.bench.streams import random_packet
from app.render import accumulated_image, depth_image, overlay_segmentation, surface_image
from events.packet import SensorSize
from events.surface import Surface
from models.results import Depth, Segmentation

SENSOR = SensorSize(640, 480)
NUM_EVENTS = 60_000
FRAME_MS = 1e3 / 60


def rows() -> Iterator[Row]:
    """Yield the median cost of each picture at 640x480, 60,000 events a frame."""
    packet = random_packet(NUM_EVENTS, 16_000, sensor=SENSOR)
    surface = Surface(SENSOR)
    surface.add(packet)
    shape = (SENSOR.height, SENSOR.width)
    image = np.zeros((*shape, 3), np.uint8)
    random = np.random.default_rng(0)
    labels = ("background", "ground", "box", "car")
    class_ids = random.integers(0, len(labels), (60, 80)).repeat(8, 0).repeat(8, 1)
    segmentation = Segmentation(class_ids.astype(np.uint8), labels)
    depth = Depth(random.uniform(1, 10, shape).astype(np.float32))
    costs = alternating_ms(
        {
            "surface": lambda: surface_image(
                surface.newest_us, surface.polarity, packet.end_us, out=image
            ),
            "accumulated": lambda: accumulated_image(packet, out=image),
            "segmentation overlay": lambda: overlay_segmentation(image, segmentation),
            "depth": lambda: depth_image(depth, near_m=1, far_m=10, out=image),
        },
        num_rounds=30,
    )
    for name, value_ms in costs.items():
        yield Row(
            section="display",
            name=f"{name}, {SENSOR}",
            value=value_ms,
            unit="ms",
            baseline=FRAME_MS,
            note="to one frame at 60 Hz",
        )
