from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from app.bench import load
from app.bench.load import Seen, recovery_strides
from app.bench.streams import Bursts, LoopedSource, at_rate, random_packet, real_clip
from app.engines import load_engine
from app.trace import Trace
from events.packet import join

CLIP = random_packet(300, 15_000)


def test_a_looped_clip_goes_on_for_ever_in_touching_packets_of_its_own_rate() -> None:
    with LoopedSource(CLIP, 0.12, is_live=False) as source:
        packets = list(source.packets())
    stream = join(packets)
    assert stream.duration_us == 120_000
    assert len(stream) == 300 * 8
    assert np.all(np.diff(stream.t) >= 0)
    loops = stream.t.reshape(8, 300) - 15_000 * np.arange(8)[:, None]
    assert np.array_equal(loops, np.tile(CLIP.t, (8, 1)))
    assert np.array_equal(stream.x, np.tile(CLIP.x, 8))
    for packet in packets:
        assert np.all((packet.t >= packet.start_us) & (packet.t < packet.end_us))


def test_a_clip_is_played_at_the_rate_that_is_asked_for() -> None:
    played = at_rate(CLIP, 1e6)
    assert (played.start_us, played.duration_us, len(played)) == (0, 300, 300)
    assert np.all(np.diff(played.t) >= 0)


def test_a_burst_has_ten_times_the_events() -> None:
    bursts = Bursts(every_us=50_000, length_us=10_000)
    with LoopedSource(at_rate(CLIP, 1e5), 0.1, is_live=False, bursts=bursts) as source:
        counts = [len(packet) for packet in source.packets()]
    assert counts == pytest.approx([1000] * 4 + [10_000] + [1000] * 4 + [10_000], rel=0.03)


def test_without_the_data_folder_the_clip_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SACCADE_DATA", str(tmp_path))
    clip, name = real_clip()
    assert (name, len(clip), str(clip.sensor)) == ("moving edges", 500_000, "640x480")


def test_the_recovery_is_counted_from_the_bursts_end_to_the_last_late_result() -> None:
    end_s = np.arange(0, 4, 0.02)
    lag_ms = np.full(len(end_s), 30.0)
    lag_ms[(end_s > 1.91) & (end_s < 2.05)] = 90  # the burst ends at 2 s: two strides after it
    seen = Seen(clock_s=4.0, scene_end_s=list(end_s), scene_lag_ms=list(lag_ms))
    assert recovery_strides(seen, Bursts(), 0.02) == pytest.approx([2.0, 0.0])
    assert recovery_strides(Seen(), Bursts(), 0.02) == [math.inf]


def test_the_figures_of_a_short_run_are_all_there(
    tiny_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("RATES", (1e5,)), ("BURST_RATES", (1e5,)), ("SECONDS", 1.5), ("BURST_SECONDS", 2.5),
        ("HOUR_RATE", 1e5), ("HOUR_S", 2.0),
    ):  # fmt: skip
        monkeypatch.setattr(load, name, value)
    monkeypatch.setattr(load, "real_clip", lambda: (CLIP, "random"))
    rows = list(load.rows(load_engine(tiny_engine, "cpu"), Trace()))
    assert all(math.isfinite(row.value) for row in rows)
    values = {row.name: row.value for row in rows}
    assert values["0.1 Mev/s, events in"] > 0
    assert any("after 10 times that for 100 ms" in name for name in values)
    assert any("memory that" in name for name in values)
