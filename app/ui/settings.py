"""Preferences: what the window remembers, with defaults and ranges in one place."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QSettings

from app.colormaps import COLORMAPS
from app.render import VIEWS
from events.windows import WindowConfig
from export.providers.provider import PROVIDERS

VERSION = 1
NUM_RECENT = 10
NEWEST_KEY, GEOMETRY_KEY = "version", "geometry"


@dataclass(frozen=True, slots=True)
class Range:
    """Least, greatest and step of a number that the user may set."""

    least: float
    greatest: float
    step: float

    def clamp(self, value: float) -> float:
        return min(max(value, self.least), self.greatest)


RANGES = {
    "opacity": Range(0.0, 1.0, 0.05),
    "length_ms": Range(1.0, 1000.0, 5.0),
    "stride_ms": Range(1.0, 1000.0, 5.0),
    "length_events": Range(100, 1_000_000, 1_000),
    "stride_events": Range(100, 1_000_000, 1_000),
    "decay_ms": Range(5.0, 2000.0, 10.0),
    "seed": Range(0, 9999, 1),
}
CHOICES = {
    "theme": ("dark", "light"),
    "view": VIEWS,
    "window_unit": ("time", "events"),
    "colormap": COLORMAPS,
    "provider": PROVIDERS,
}
SPEEDS = (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Event seconds per wall second; "as fast as inference" stands above them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """One value for each thing that is remembered from one start to the next."""

    theme: str = "dark"
    view: str = "surface"
    shows_segmentation: bool = True
    shows_tokens: bool = True
    opacity: float = 0.6
    shows_depth: bool = True
    shows_recognition: bool = True
    colormap: str = "turbo"
    stretches_likeness: bool = True
    """Whether its colours span what occurs, instead of -1 to 1."""
    window_unit: str = "time"
    """Whether windows have a length in time or a number of events."""
    uses_engine_window: bool = True
    """Whether windows of time are cut as the engine was trained; their sizes then follow it."""
    length_ms: float = 50.0
    stride_ms: float = 20.0
    length_events: int = 20_000
    stride_events: int = 10_000
    decay_ms: float = 40.0
    filters: tuple[str, ...] = ()
    """Names of the filters that are on."""
    shows_hud: bool = True
    left_open: bool = True
    right_open: bool = True
    is_looping: bool = True
    provider: str = "auto"
    engine: str = ""
    """Path of the engine; empty for the one that comes with Saccade."""
    address: str = "tcp://127.0.0.1:7777"
    seed: int = 0
    last_folder: str = ""
    recent: tuple[str, ...] = ()

    @property
    def windows(self) -> WindowConfig:
        """How streams are cut."""
        if self.window_unit == "events":
            return WindowConfig(
                length_us=None,
                stride_us=None,
                length_events=self.length_events,
                stride_events=self.stride_events,
            )
        return WindowConfig(
            length_us=round(self.length_ms * 1000), stride_us=round(self.stride_ms * 1000)
        )

    def with_recent(self, path: str) -> Preferences:
        """Return these with ``path`` first among the recent files."""
        others = tuple(other for other in self.recent if other != path)
        return replace(self, recent=(path, *others)[:NUM_RECENT])


def open_settings() -> QSettings:
    """Return the user's settings file."""
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "saccade", "saccade")


def load(settings: QSettings) -> tuple[Preferences, list[str]]:
    """Return the preferences, and a line for each thing that this version could not use."""
    notes: list[str] = []
    fields = {field.name: field for field in dataclasses.fields(Preferences)}
    values: dict[str, Any] = {}
    unknown = []
    for key in settings.allKeys():
        if key in (NEWEST_KEY, GEOMETRY_KEY):
            continue
        if key not in fields:
            unknown.append(key)
            continue
        try:
            values[key] = _checked(key, json.loads(str(settings.value(key))))
        except (ValueError, TypeError):
            notes.append(f"setting {key} = {settings.value(key)!r} cannot be used: default taken")
    if unknown:
        notes.append(f"settings of another version left alone: {', '.join(sorted(unknown))}")
    return Preferences(**values), notes


def save(settings: QSettings, preferences: Preferences) -> None:
    """Write every preference; unknown keys of other versions stay as they are.

    What is none of the CHOICES, such as a provider of the command line, is for this start only.
    """
    settings.setValue(NEWEST_KEY, VERSION)
    for field in dataclasses.fields(preferences):
        value = getattr(preferences, field.name)
        if value in CHOICES.get(field.name, (value,)):
            settings.setValue(field.name, json.dumps(value))
    settings.sync()


def _checked(key: str, value: Any) -> Any:
    """Return a value of the file in its field's type and range; ValueError if it has none."""
    default = getattr(Preferences(), key)
    if isinstance(default, tuple):
        if not isinstance(value, list):
            raise ValueError(key)
        return tuple(str(item) for item in value)
    if isinstance(default, bool | str):
        if type(value) is not type(default) or value not in CHOICES.get(key, (value,)):
            raise ValueError(key)
        return value
    number = RANGES[key].clamp(float(value))
    return int(number) if isinstance(default, int) else number
