"""Transforms for training: from a packet to one of another scene, motion or camera.

What is random takes its generator as an argument. Pictures behind a packet are moved by whoever
has them: see training/data/window_transforms.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket, SensorSize, pack_events


def mirror(packet: EventPacket) -> EventPacket:
    """Return the packet with left and right exchanged."""
    x = packet.sensor.width - 1 - packet.x.astype(np.int64)
    return _with(packet, packet.t, x, packet.y, packet.p)


def flip_time(packet: EventPacket) -> EventPacket:
    """Return the packet run backwards: what became brighter becomes darker.

    An event of the first microsecond moves to the last one. Events of one instant change places.
    """
    t = packet.start_us + packet.end_us - 1 - packet.t[::-1]
    return _with(packet, t, packet.x[::-1], packet.y[::-1], 1 - packet.p[::-1])


def shift(packet: EventPacket, right: int, down: int) -> EventPacket:
    """Return the packet moved by whole pixels; what leaves the sensor is dropped."""
    x, y = packet.x.astype(np.int64) + right, packet.y.astype(np.int64) + down
    return _inside(packet, packet.t, x, y, packet.p)


def crop(packet: EventPacket, left: int, top: int, size: SensorSize) -> EventPacket:
    """Return what a sensor of ``size`` at (left, top) of this one sees.

    Raises:
        ValueError: it reaches beyond this sensor.
    """
    sensor = packet.sensor
    if not (0 <= left <= sensor.width - size.width and 0 <= top <= sensor.height - size.height):
        raise ValueError(f"a crop of {size} at ({left}, {top}) reaches beyond a {sensor} sensor")
    part = EventPacket(packet.events, size, packet.start_us, packet.end_us, packet.num_lost)
    x, y = packet.x.astype(np.int64) - left, packet.y.astype(np.int64) - top
    return _inside(part, packet.t, x, y, packet.p)


def consecutive(packet: EventPacket, num: int, rng: np.random.Generator | None) -> EventPacket:
    """Return ``num`` successive events from a random place on, or all if there are fewer.

    Without ``rng`` they are the middle ones. The span ends where they do: from the first one's time
    to one past the last one's.

    Raises:
        ValueError: ``num`` is less than 1.
    """
    if num < 1:
        raise ValueError(f"num must be at least 1, got {num}")
    num_spare = len(packet) - num
    if num_spare <= 0:
        return packet
    first = num_spare // 2 if rng is None else int(rng.integers(num_spare + 1))
    events = packet.events[first : first + num]
    times = packet.t[first : first + num]
    return EventPacket(events, packet.sensor, int(times[0]), int(times[-1]) + 1)


def drop(packet: EventPacket, share: float, rng: np.random.Generator) -> EventPacket:
    """Return the packet without a random ``share`` of its events, each by its own chance.

    Raises:
        ValueError: ``share`` lies outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie in [0, 1], got {share}")
    kept = packet.events[rng.random(len(packet)) >= share]
    return EventPacket(kept, packet.sensor, packet.start_us, packet.end_us, packet.num_lost)


def add_correlated_noise(
    packet: EventPacket,
    num: int,
    rng: np.random.Generator,
    *,
    sigma_px: float = 1.5,
    sigma_us: float = 1_000.0,
) -> EventPacket:
    """Return the packet with copies of ``num`` of its events, scattered around them.

    Copies that leave the sensor or the span are dropped. Source: Jeong et al., arXiv 2412.03093,
    its release.

    Args:
        packet: The events; without any there is nothing to copy.
        num: Copies; an event may have several.
        rng: Chooses and scatters.
        sigma_px: Standard deviation along each axis.
        sigma_us: Standard deviation in time.
    """
    if len(packet) == 0:
        return packet
    chosen = rng.integers(len(packet), size=num)
    t = packet.t[chosen] + np.rint(rng.normal(0, sigma_us, num)).astype(np.int64)
    x = packet.x[chosen] + np.rint(rng.normal(0, sigma_px, num)).astype(np.int64)
    y = packet.y[chosen] + np.rint(rng.normal(0, sigma_px, num)).astype(np.int64)
    return _merged(packet, t, x, y, packet.p[chosen])


Numbers = npt.NDArray[np.integer]


def _merged(packet: EventPacket, t: Numbers, x: Numbers, y: Numbers, p: Numbers) -> EventPacket:
    """Return the packet with more events in any order, those outside the span left out."""
    in_span = (t >= packet.start_us) & (t < packet.end_us)
    columns = [
        np.concatenate([own, more[in_span]])
        for own, more in ((packet.t, t), (packet.x, x), (packet.y, y), (packet.p, p))
    ]
    order = np.argsort(columns[0], kind="stable")
    return _inside(packet, *(column[order] for column in columns))


def _inside(packet: EventPacket, t: Numbers, x: Numbers, y: Numbers, p: Numbers) -> EventPacket:
    """Return the packet with other events, those beyond its sensor left out."""
    width, height = packet.sensor.width, packet.sensor.height
    is_inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return _with(packet, t[is_inside], x[is_inside], y[is_inside], p[is_inside])


def _with(packet: EventPacket, t: Numbers, x: Numbers, y: Numbers, p: Numbers) -> EventPacket:
    """Return the packet with other events."""
    events = pack_events(t, x, y, p)
    return EventPacket(events, packet.sensor, packet.start_us, packet.end_us, packet.num_lost)
