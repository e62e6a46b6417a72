from __future__ import annotations

import numpy as np
import pytest

from app.timing import EventRate, QuantileWindow, WallRate


def test_quantiles_are_those_of_the_last_values_only() -> None:
    window = QuantileWindow(capacity=100)
    for value in [1e9] * 50 + list(range(100)):
        window.add(value)
    assert len(window) == 100
    assert window.quantiles().p50_ms == pytest.approx(np.quantile(range(100), 0.5))
    assert window.quantiles().p95_ms == pytest.approx(np.quantile(range(100), 0.95))


def test_quantiles_of_nothing_are_zero() -> None:
    assert QuantileWindow().quantiles().p95_ms == 0


def test_a_wall_rate_is_right_while_things_come_and_zero_after() -> None:
    rate = WallRate(span_s=2.0)
    for number in range(500):
        rate.add(now_s=1000 + number / 100)
    assert rate.per_second(now_s=1005.0) == pytest.approx(100, rel=0.06)
    assert rate.per_second(now_s=1008.0) == 0


def test_a_wall_rate_counts_from_its_first_thing() -> None:
    rate = WallRate(span_s=2.0)
    for number in range(51):
        rate.add(now_s=10 + number / 100)
    assert rate.per_second(now_s=10.5) == pytest.approx(102, rel=0.02)


def test_an_event_rate_is_that_of_the_scene_and_follows_it() -> None:
    rate = EventRate(memory_us=100_000)
    for _ in range(100):
        rate.add(5_000, 10_000)
    assert rate.per_second() == pytest.approx(500_000)
    for _ in range(100):
        rate.add(0, 10_000)
    assert rate.per_second() < 100
    rate.reset()
    assert rate.per_second() == 0


def test_an_event_rate_does_not_depend_on_how_the_stream_is_cut() -> None:
    coarse, fine = EventRate(), EventRate()
    for _ in range(10):
        coarse.add(10_000, 100_000)
    for _ in range(100):
        fine.add(1_000, 10_000)
    assert coarse.per_second() == pytest.approx(fine.per_second())
