from __future__ import annotations

from types import SimpleNamespace

import pytest
from scripted_source import random_packets

from app.counters import Counters
from app.scene import Scene, StageLatency
from events.packet import EventPacket

STRIDE_US = 20_000


@pytest.mark.parametrize("speed", [0.1, 1.0, 10.0])
def test_windows_are_counted_by_the_wall_clock_and_events_by_their_own(
    speed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1000.0
    monkeypatch.setattr("app.timing.time", SimpleNamespace(monotonic=lambda: now_s))
    counters = Counters()
    for packet in random_packets(400, start_us=10**15, duration_us=STRIDE_US):
        now_s += STRIDE_US * 1e-6 / speed
        counters.count_packet(packet, packet)
        counters.count_window_asked()
        counters.count_scene(scene_of(packet))
    stats = counters.stats()
    expected = pytest.approx(speed * 1e6 / STRIDE_US, rel=0.1)
    assert stats.windows_asked_per_s == expected
    assert stats.windows_done_per_s == expected
    assert stats.event_rate == pytest.approx(500 * 1e6 / STRIDE_US)


def scene_of(packet: EventPacket) -> Scene:
    latency = StageLatency()
    return Scene(
        index=0, packet=packet, is_partial=False, prediction=None, latency=latency, age_ms=1.0
    )
