from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from events import transforms
from events.packet import EventPacket, SensorSize, empty_packet, pack_events

SENSOR = SensorSize(20, 10)
START_US = 1_700_000_000_000_000
SPAN_US = 50_000
Transform = Callable[[EventPacket], EventPacket]


def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def noise(num: int) -> EventPacket:
    random = np.random.default_rng(7)
    t = np.sort(random.integers(START_US, START_US + SPAN_US, num))
    x, y = random.integers(0, SENSOR.width, num), random.integers(0, SENSOR.height, num)
    events = pack_events(t, x, y, random.integers(0, 2, num))
    return EventPacket(events, SENSOR, START_US, START_US + SPAN_US, num_lost=3)


def rows(packet: EventPacket) -> list[tuple[int, int, int, int]]:
    columns = (packet.t - START_US, packet.x, packet.y, packet.p)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def one(t: int, x: int, y: int, p: int) -> EventPacket:
    events = pack_events([START_US + t], [x], [y], [p])
    return EventPacket(events, SENSOR, START_US, START_US + SPAN_US)


ALL: dict[str, Transform] = {
    "mirror": transforms.mirror,
    "flip_time": transforms.flip_time,
    "shift": lambda packet: transforms.shift(packet, 3, -2),
    "crop": lambda packet: transforms.crop(packet, 4, 3, SensorSize(8, 5)),
    "consecutive": lambda packet: transforms.consecutive(packet, 50, rng()),
    "drop": lambda packet: transforms.drop(packet, 0.3, rng()),
    "add_correlated_noise": lambda packet: transforms.add_correlated_noise(packet, 40, rng()),
}


@pytest.mark.parametrize("name", ALL)
def test_every_transform_gives_a_packet_and_leaves_its_own_alone(name: str) -> None:
    packet = noise(200)
    before = rows(packet)
    out = ALL[name](packet)
    assert rows(packet) == before
    assert rows(out) != before
    assert (np.diff(out.t) >= 0).all()
    assert ((out.t >= out.start_us) & (out.t < out.end_us)).all()
    assert (out.x < out.sensor.width).all()
    assert (out.y < out.sensor.height).all()
    assert set(np.unique(out.p)) <= {0, 1}


@pytest.mark.parametrize("name", ALL)
def test_every_transform_of_an_empty_packet_is_empty(name: str) -> None:
    out = ALL[name](empty_packet(SENSOR, START_US, START_US + SPAN_US))
    assert len(out) == 0
    assert (out.start_us, out.end_us) == (START_US, START_US + SPAN_US)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("num", [1, 60])
def test_every_transform_takes_events_of_one_instant(name: str, num: int) -> None:
    t, number = np.full(num, START_US + 20), np.arange(num)
    events = pack_events(t, number % 20, number % 10, number % 2)
    packet = EventPacket(events, SENSOR, START_US, START_US + SPAN_US)
    before = rows(packet)
    out = ALL[name](packet)
    assert rows(packet) == before
    assert (np.diff(out.t) >= 0).all()
    assert ((out.t >= out.start_us) & (out.t < out.end_us)).all()
    assert out.end_us > out.start_us


def test_mirroring_and_time_flips_undo_themselves() -> None:
    packet = noise(200)
    assert rows(transforms.mirror(transforms.mirror(packet))) == rows(packet)
    assert rows(transforms.flip_time(transforms.flip_time(packet))) == rows(packet)


def test_worked_numbers() -> None:
    event = one(100, 2, 3, 1)
    assert rows(transforms.mirror(event)) == [(100, 17, 3, 1)]
    assert rows(transforms.flip_time(event)) == [(SPAN_US - 101, 2, 3, 0)]
    assert rows(transforms.shift(event, 17, -3)) == [(100, 19, 0, 1)]
    assert rows(transforms.shift(event, 18, 0)) == []
    assert rows(transforms.shift(event, -3, 0)) == []
    cropped = transforms.crop(event, 2, 1, SensorSize(4, 4))
    assert rows(cropped) == [(100, 0, 2, 1)]
    assert cropped.sensor == SensorSize(4, 4)


def test_a_crop_beyond_the_sensor_is_refused() -> None:
    with pytest.raises(ValueError, match=r"8x5 at \(13, 0\) reaches beyond a 20x10"):
        transforms.crop(noise(3), 13, 0, SensorSize(8, 5))


def test_consecutive_events_are_neighbours_and_the_span_is_theirs() -> None:
    packet = noise(200)
    part = transforms.consecutive(packet, 50, rng())
    first = rows(packet).index(rows(part)[0])
    assert rows(part) == rows(packet)[first : first + 50]
    assert (part.start_us, part.end_us) == (part.t[0], part.t[-1] + 1)
    assert transforms.consecutive(packet, 200, rng()) is packet
    runs = [transforms.consecutive(packet, 50, np.random.default_rng(seed)) for seed in range(3)]
    assert len({run.start_us for run in runs}) == 3
    with pytest.raises(ValueError, match="at least 1, got 0"):
        transforms.consecutive(packet, 0, rng())


def test_consecutive_events_are_the_middle_ones_without_random_numbers() -> None:
    packet = noise(200)
    middle = transforms.consecutive(packet, 50, None)
    assert rows(middle) == rows(packet)[75:125]
    assert (middle.start_us, middle.end_us) == (middle.t[0], middle.t[-1] + 1)


def test_dropping_removes_about_the_share() -> None:
    packet = noise(5_000)
    assert len(transforms.drop(packet, 0.3, rng())) == pytest.approx(3_500, abs=150)
    assert rows(transforms.drop(packet, 0.0, rng())) == rows(packet)
    assert rows(transforms.drop(packet, 1.0, rng())) == []
    with pytest.raises(ValueError, match=r"\[0, 1\], got 1.5"):
        transforms.drop(packet, 1.5, rng())


def test_correlated_noise_lies_around_its_events() -> None:
    middle = one(25_000, 10, 5, 1)
    noisy = transforms.add_correlated_noise(middle, 400, rng())
    assert 350 < len(noisy) <= 401
    assert np.std(noisy.x.astype(float)) == pytest.approx(1.5, abs=0.2)
    assert np.std((noisy.t - START_US).astype(float)) == pytest.approx(1_000, abs=100)
    assert (noisy.p == 1).all()
