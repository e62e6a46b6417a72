from __future__ import annotations

import math

import numpy as np
import pytest

from app.ui.rate_history import LIVE_SPAN_US, NUM_BINS, RateHistory
from app.ui.units import (
    count_text,
    duration_text,
    metres_text,
    rate_text,
    speed_text,
    time_text,
)


@pytest.mark.parametrize(
    ("duration_us", "text"),
    [(0, "0.000 s"), (59_999_999, "59.999 s"), (60_000_000, "1:00.000"), (-1_500_000, "-1.500 s")],
)
def test_times_are_short_below_a_minute(duration_us, text):
    assert time_text(duration_us) == text


def test_a_time_is_written_like_its_total():
    assert time_text(1_000_000, total_us=600_000_000) == "0:01.000"


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0, "0 ev/s"), (950, "950 ev/s"), (12_345, "12.3 kev/s"), (999_999, "1.00 Mev/s")],
)
def test_rates_have_three_digits(rate, text):
    assert rate_text(rate) == text


def test_other_numbers_have_their_units():
    assert duration_text(3.14) == "3.1 ms"
    assert duration_text(31.4) == "31 ms"
    assert duration_text(60_000) == "60 s"
    assert count_text(999_999) == "999,999"
    assert count_text(1_234_567) == "1.23 M"
    assert speed_text(0.25) == "0.25×"
    assert speed_text(math.inf) == "max"
    assert metres_text(0.5) == "0.5"
    assert metres_text(12.3) == "12"


def test_the_history_holds_rates_along_the_timeline():
    history = RateHistory(10**15, 10**15 + 4_800_000)
    history.add(10**15, 10**15 + 20_000, 200)
    assert history.rates[0] == history.rates[1] == 10_000
    assert np.isnan(history.rates[2:]).all()
    history.add(10**15, 10**15 + 40_000, 800, only_gaps=True)
    assert history.rates[:4].tolist() == [10_000, 10_000, 20_000, 20_000]


def test_a_live_history_slides_and_survives_another_clock():
    history = RateHistory(0, None)
    history.add(0, 1_000_000, 1000)
    history.add(30_000_000, 31_000_000, 2000)
    assert np.isfinite(history.rates).sum() >= 2
    assert abs(history.end_us - 31_000_000) <= LIVE_SPAN_US / NUM_BINS
    history.add(10**15, 10**15 + 1_000_000, 500)
    assert np.nanmax(history.rates) == 500
