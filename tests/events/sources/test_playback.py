"""Playback: what every source with a timeline does alike when it is steered."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from events.packet import EventPacket, SensorSize, pack_events
from events.recordings.aedat4_writer import Aedat4Writer
from events.sources.replay import ReplaySource
from events.sources.source import SourceState
from events.sources.synthetic import SyntheticSource

SENSOR = SensorSize(48, 36)
SPAN_US = 400_000
Open = Callable[[float], ReplaySource | SyntheticSource]


@pytest.fixture(params=["replay", "synthetic"])
def open_at(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return what makes a source of SPAN_US from its speed."""
    if request.param == "synthetic":
        return lambda speed: SyntheticSource(
            seed=1, sensor=SENSOR, duration_us=SPAN_US, speed=speed
        )
    t = np.linspace(0, SPAN_US - 1, 2_000).astype(np.int64)
    events = pack_events(t, t % 48, t % 36, t % 2)
    with Aedat4Writer(tmp_path / "a.aedat4", SENSOR) as writer:
        writer.write(EventPacket(events, SENSOR, 0, SPAN_US))
    return lambda speed: ReplaySource(tmp_path / "a.aedat4", speed)


def spans(packets: list[EventPacket]) -> list[tuple[int, int]]:
    return [(packet.start_us, packet.end_us) for packet in packets]


def test_while_paused_a_seek_shows_all_that_is_asked_in_one_packet(open_at: Open) -> None:
    with open_at(1.0) as source:
        source.pause()
        packets = source.packets()
        source.seek(100_000, 50_000)
        source.set_looping(True)  # any other call between them changes nothing
        shown = [next(packets)]
        source.step(20_000)  # goes on where what was shown ends
        shown.append(next(packets))
        assert spans(shown) == [(100_000, 150_000), (150_000, 170_000)]
        assert source.status.state is SourceState.PAUSED


def test_what_a_seek_shows_is_clamped_at_both_ends(open_at: Open) -> None:
    with open_at(1.0) as source:
        source.pause()
        packets = source.packets()
        source.seek(-10_000, 50_000)
        shown = [next(packets)]
        source.seek(SPAN_US - 20_000, 50_000)
        shown.append(next(packets))
        assert spans(shown) == [(0, 50_000), (SPAN_US - 20_000, SPAN_US)]


def test_a_step_counts_from_the_seek_though_its_glimpse_was_shown_first(open_at: Open) -> None:
    with open_at(1.0) as source:
        source.pause()
        packets = source.packets()
        source.seek(100_000)
        shown = [next(packets)]
        source.step(50_000)
        shown.append(next(packets))
        assert spans(shown) == [(100_000, 110_000), (110_000, 150_000)]


def test_a_step_back_at_the_start_stays_there(open_at: Open) -> None:
    with open_at(1.0) as source:
        source.pause()
        source.step(-50_000)
        (packet,) = itertools.islice(source.packets(), 1)
        assert (packet.start_us, packet.end_us) == (0, 10_000)


@pytest.mark.parametrize("speed", [0.5, 3.0, math.inf])
def test_packets_are_short_and_touch_at_every_speed(open_at: Open, speed: float) -> None:
    with open_at(speed) as source:
        packets = list(itertools.islice(source.packets(), 8))
    assert all(a.end_us == b.start_us for a, b in itertools.pairwise(packets))
    assert max(packet.duration_us for packet in packets) == 10_000 * min(speed, 1)
