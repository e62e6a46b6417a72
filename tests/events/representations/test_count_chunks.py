from __future__ import annotations

import numpy as np
import pytest

from events.packet import EventPacket, SensorSize, pack_events
from events.representations.count_chunks import CountChunksSpec, count_chunks

SENSOR = SensorSize(2, 1)


def test_chunks_hold_equally_many_events_however_they_lie_in_time() -> None:
    t = [0, 1, 2, 3, 900, 999]
    events = pack_events(t, [0, 0, 1, 1, 0, 1], np.zeros(6), [1, 0, 1, 1, 0, 0])
    packet = EventPacket(events, SENSOR, 0, 1000)
    planes = count_chunks(packet, CountChunksSpec(num_chunks=3))
    assert planes[:, 0].tolist() == [
        [1, 0], [1, 0],  # ON and OFF of the two oldest events
        [0, 2], [0, 0],
        [0, 0], [1, 1],
    ]  # fmt: skip


@pytest.mark.parametrize("num", [0, 1, 7, 10, 99])
def test_each_event_is_in_one_chunk(num: int) -> None:
    random = np.random.default_rng(num)
    p = random.integers(0, 2, num)
    events = pack_events(np.sort(random.integers(0, 9, num)), p, np.zeros(num), p)
    planes = count_chunks(EventPacket(events, SENSOR, 0, 9), CountChunksSpec())
    sizes = planes.reshape(10, -1).sum(axis=1)
    assert sizes.sum() == num
    assert np.ptp(sizes) <= 1
    assert planes[::2].sum() == p.sum()


def test_no_chunk_is_refused() -> None:
    with pytest.raises(ValueError, match="num_chunks must be at least 1, got 0"):
        CountChunksSpec(num_chunks=0)
