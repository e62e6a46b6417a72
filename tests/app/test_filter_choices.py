from __future__ import annotations

from dataclasses import fields

import pytest

from app.filter_choices import FILTERS, chosen_filters, described_filters
from events.filters import LIMITS, BackgroundActivityConfig, HotPixelsConfig, RefractoryConfig


@pytest.mark.parametrize("name", FILTERS)
def test_a_name_alone_asks_for_the_filter_as_the_window_has_it(name: str) -> None:
    assert chosen_filters([name]) == [FILTERS[name].config]


@pytest.mark.parametrize("name", FILTERS)
def test_every_value_of_every_filter_can_be_said_up_to_its_limits(name: str) -> None:
    for field in fields(FILTERS[name].config):
        for limit in LIMITS[field.name]:
            [config] = chosen_filters([f"{name}:{field.name}={limit}"])
            assert getattr(config, field.name) == limit


def test_values_are_of_one_filter_and_the_others_stay() -> None:
    found = chosen_filters(["hot_pixels:ratio=5.5,learn_us=500000", "background:duration_us=7"])
    assert found == [
        BackgroundActivityConfig(duration_us=7),
        HotPixelsConfig(ratio=5.5, learn_us=500_000),
    ]


def test_what_the_help_says_asks_for_the_filters_as_they_are() -> None:
    found = chosen_filters(described_filters().split("; "))
    assert found == [choice.config for choice in FILTERS.values()]


def test_filters_work_in_one_order_however_they_were_asked_for() -> None:
    assert chosen_filters(["refractory", "background"]) == [
        BackgroundActivityConfig(),
        RefractoryConfig(),
    ]
    assert chosen_filters([]) == []


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["salt"], "no filter 'salt': choose from background, refractory, hot_pixels"),
        ([""], "no filter ''"),
        (["background=5"], "no filter 'background=5'"),
        (["background:ratio=5"], "the filter background has no 'ratio': it has duration_us"),
        (["background:duration_us"], "a whole number between 1 and 10,000,000, got ''"),
        (["background:duration_us=2.5"], "a whole number between 1 and 10,000,000, got '2.5'"),
        (["hot_pixels:ratio=much"], "a number between 1 and 1,000,000, got 'much'"),
        (["hot_pixels:ratio=nan"], "ratio must lie between 1 and 1,000,000, got nan"),
        (["hot_pixels:ratio=inf"], "ratio must lie between 1 and 1,000,000, got inf"),
        (["refractory:period_us=0"], "period_us must lie between 1 and 10,000,000, got 0"),
        (["refractory", "refractory:period_us=5"], "refractory is asked for twice"),
    ],
)
def test_what_is_none_of_a_filter_s_is_one_clear_line(texts: list[str], message: str) -> None:
    with pytest.raises(ValueError, match="filter") as caught:
        chosen_filters(texts)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
