"""FILTERS: the filters that the window and `saccade run` offer, by name and in their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from events.filters import (
    LIMITS,
    BackgroundActivityConfig,
    FilterConfig,
    HotPixelsConfig,
    RefractoryConfig,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterChoice:
    """One filter: how it is called, what it does, and its settings unless told otherwise."""

    title: str
    meaning: str
    config: FilterConfig


FILTERS: dict[str, FilterChoice] = {
    "background": FilterChoice(
        title="Background noise",
        meaning="Removes events without a recent one next to them",
        config=BackgroundActivityConfig(),
    ),
    "refractory": FilterChoice(
        title="Refractory",
        meaning="Removes events that follow another of the same pixel too soon",
        config=RefractoryConfig(),
    ),
    "hot_pixels": FilterChoice(
        title="Hot pixels",
        meaning="Learns for a second which pixels fire far too often, then removes their events",
        config=HotPixelsConfig(),
    ),
}
"""Filters work in this order, whatever order they were asked for in."""


def chosen_filters(texts: Iterable[str]) -> Sequence[FilterConfig]:
    """Return the filters that texts such as "hot_pixels:ratio=5,learn_us=500000" ask for.

    Raises:
        ValueError: a name or a value is none of the filter's, or a filter is asked for twice.
    """
    chosen: dict[str, FilterConfig] = {}
    for text in texts:
        name, _, values = text.partition(":")
        if name not in FILTERS:
            raise ValueError(f"there is no filter {name!r}: choose from {', '.join(FILTERS)}")
        if name in chosen:
            raise ValueError(f"the filter {name} is asked for twice: give all its values at once")
        chosen[name] = _with_values(name, values)
    return [chosen[name] for name in FILTERS if name in chosen]


def _with_values(name: str, text: str) -> FilterConfig:
    """Return a filter's configuration with what "KEY=VALUE,..." says."""
    config = FILTERS[name].config
    defaults = asdict(config)
    values: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, _, value = part.partition("=")
        if key not in defaults:
            raise ValueError(f"the filter {name} has no {key!r}: it has {', '.join(defaults)}")
        try:
            values[key] = type(defaults[key])(value)
        except ValueError:
            kind = "a whole number" if isinstance(defaults[key], int) else "a number"
            least, greatest = LIMITS[key]
            raise ValueError(
                f"{key} of the filter {name} must be {kind} between {least:,} and {greatest:,}, "
                f"got {value!r}"
            ) from None
    try:
        return replace(config, **values)
    except ValueError as error:
        raise ValueError(f"filter {name}: {error}") from None


def described_filters() -> str:
    """Return every filter as it can be asked for, with its values unless told otherwise."""
    return "; ".join(
        f"{name}:" + ",".join(f"{key}={value}" for key, value in asdict(choice.config).items())
        for name, choice in FILTERS.items()
    )
