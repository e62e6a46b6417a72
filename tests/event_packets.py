"""Windows of raw events at the edges of what engines must take."""

from __future__ import annotations

import numpy as np

from events.packet import EventPacket, SensorSize, empty_packet, pack_events

START_US = 10**15
WINDOW_US = 50_000


def random_window(
    num_events: int, sensor: SensorSize, *, duration_us: int = WINDOW_US, num_instants: int = 0
) -> EventPacket:
    """Random events in [START_US, START_US + duration_us), or at its first instants only."""
    random = np.random.default_rng(num_events)
    events = pack_events(
        START_US + np.sort(random.integers(0, num_instants or duration_us, num_events)),
        random.integers(0, sensor.width, num_events),
        random.integers(0, sensor.height, num_events),
        random.integers(0, 2, num_events),
    )
    return EventPacket(events, sensor, START_US, START_US + duration_us)


def corner_window(sensor: SensorSize) -> EventPacket:
    """One event of each polarity in each corner of the sensor, the last at the last microsecond."""
    x, y, p = np.meshgrid([0, sensor.width - 1], [0, sensor.height - 1], [0, 1])
    t = START_US + np.linspace(0, WINDOW_US - 1, x.size).astype(np.int64)
    events = pack_events(t, x.ravel(), y.ravel(), p.ravel())
    return EventPacket(events, sensor, START_US, START_US + WINDOW_US)


def edge_windows(sensor: SensorSize) -> dict[str, EventPacket]:
    """Windows by what is odd about them."""
    return {
        "many": random_window(6_000, sensor),
        "few": random_window(50, sensor),
        "one": random_window(1, sensor),
        "one instant": random_window(80, sensor, num_instants=1),
        "corners": corner_window(sensor),
        "none": empty_packet(sensor, START_US, START_US + WINDOW_US),
    }
