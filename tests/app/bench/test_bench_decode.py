"""The decode benchmark times both readers on one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.bench.decode import decode_rates
from events.packet import EventPacket, SensorSize, pack_events
from events.recordings.aedat4_writer import Aedat4Writer


def test_both_readers_are_timed(tmp_path: Path) -> None:
    t = 10**15 + np.arange(20_000)
    events = pack_events(t, t % 40, t % 30, t % 2)
    with Aedat4Writer(tmp_path / "a.aedat4", SensorSize(40, 30)) as writer:
        writer.write(EventPacket(events, SensorSize(40, 30), int(t[0]), int(t[-1]) + 1))
    rates = decode_rates(tmp_path / "a.aedat4")
    assert rates["saccade"] > 0
    assert rates["dv-processing"] > 0


def test_a_format_that_dv_processing_does_not_read_is_timed_alone(tmp_path: Path) -> None:
    t = np.arange(1_000)
    rows = np.stack([t, t % 40 | (t % 30) << 14], 1).astype("<u4")
    header = b"% Data file containing CD\n% Version 2\n"
    (tmp_path / "a.dat").write_bytes(header + b"\x00\x08" + rows.tobytes())
    assert list(decode_rates(tmp_path / "a.dat")) == ["saccade"]
