"""The checks of decoded events: compiled and plain agree, and as little as possible is dropped."""

from __future__ import annotations

import numpy as np
import pytest
from recording_files import SENSOR, random_events

from events.recordings import event_check_kernels, event_checks
from events.recordings.event_checks import Bounds, keep_plausible

BOUNDS = Bounds(0, 2**62)
OUTLIERS = [
    *[("x", 63), ("x", 64), ("y", 48), ("y", 65_535)],
    *[("p", 1), ("p", 2), ("t", 0), ("t", 2**61)],
]


@pytest.mark.parametrize("number", [1, 2, 63, 64, 65, 1_000])
def test_the_compiled_check_agrees_with_the_plain_one(number: int) -> None:
    random = np.random.default_rng(number)
    verdicts = set()
    for _ in range(60):
        events = random_events(number, seed=int(random.integers(2**31)), start_us=1_000)
        place = int(random.integers(number))
        name, value = OUTLIERS[int(random.integers(len(OUTLIERS)))]
        events[name][place] = value
        words = events.view(np.int64)
        limits = SENSOR.width, SENSOR.height, 900, 500_000
        plain = bool(event_checks.are_plausible_reference(words, *limits))
        assert bool(event_check_kernels.are_plausible(words, *limits)) == plain
        verdicts.add(plain)
    assert verdicts == {True, False}


def test_padding_does_not_count_as_polarity() -> None:
    events = random_events(200, start_us=1_000)
    events.view(np.uint8).reshape(-1, 16)[:, 13:] = 0xFF
    limits = SENSOR.width, SENSOR.height, 0, 2**62
    assert event_checks.are_plausible_reference(events.view(np.int64), *limits)
    assert event_check_kernels.are_plausible(events.view(np.int64), *limits)


def test_the_longest_run_in_order_is_kept() -> None:
    events = random_events(8, start_us=0)
    events["t"] = [1, 2, 900, 3, 4, 0, 5, 6]
    is_inside, is_kept = keep_plausible(events, SENSOR, BOUNDS)
    assert is_inside.all()
    assert is_kept.tolist() == [True, True, False, True, True, False, True, True]


def test_a_scrambled_packet_stays_in_order_whatever_is_dropped() -> None:
    events = random_events(3_000, start_us=0)
    np.random.default_rng(0).shuffle(events["t"])
    kept = events[keep_plausible(events, SENSOR, BOUNDS)[1]]
    assert (kept["t"][:-1] <= kept["t"][1:]).all()
    assert len(kept) > 50
