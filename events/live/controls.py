"""What can be set on a camera: found out from the camera object, one table for all models."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

Value = bool | int | str | tuple[int, int, int, int]
DAVIS346_BIASES = (
    "Diff",
    "On",
    "Off",
    "Photoreceptor",
    "PhotoreceptorSourceFollower",
    "Refractory",
)

MAX_BIAS_PARTS = (7, 255)
"""Of a bias current's coarse and fine part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One setting of an open camera, with the value read back from it."""

    name: str
    """Such as contrast_threshold_on, readout_fps or bias_refractory_fine."""
    value: Value
    """bool, int, one of ``choices``, or (x, y, width, height) in pixels."""
    minimum: int = 0
    maximum: int = 0
    """Both inclusive; for int only."""
    step: int = 1
    choices: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """How one control is read and written, and what it takes."""

    read: Callable[[], Any]
    write: Callable[[Any], None]
    minimum: int = 0
    maximum: int = 0
    step: int = 1
    unit: str = ""


_NUMBERS: Mapping[str, tuple[str, int, int, int, str]] = {
    # name: (suffix of get and set, least, most, unit of one step, unit)
    "contrast_threshold_on": ("ContrastThresholdOn", 0, 17, 1, ""),
    "contrast_threshold_off": ("ContrastThresholdOff", 0, 17, 1, ""),
    "background_activity_filter_us": ("BackgroundActivityFilter", 0, 4095, 250, "us"),
    "refractory_period_filter_us": ("RefractoryPeriodFilter", 0, 4095, 250, "us"),
    "skip_filter": ("SkipFilter", 0, 255, 1, ""),
}
_OTHERS: Mapping[str, str] = {
    "readout_fps": "ReadoutFPS",
    "flatten": "Flatten",
    "flip_horizontal": "FlipHorizontal",
    "flip_vertical": "FlipVertical",
    "crop": "CropArea",
    "subsample_horizontal": "SubSampleHorizontal",
    "subsample_vertical": "SubSampleVertical",
    "dual_binning": "DualBinning",
    "global_hold": "GlobalHold",
    "global_reset": "GlobalReset",
}


def controls(device: Any) -> list[Control]:
    """Return what this camera lets itself be set, with its present values."""
    found = []
    for name, setting in _settings(device):
        try:
            found.append(_control(name, setting))
        except Exception:  # a model without this feature says so only when it is asked
            continue
    return found


def set_control(device: Any, name: str, value: Value) -> Control:
    """Set one control and return it as the camera then has it.

    Raises:
        ValueError: the camera has no such control, or the value is outside its range.
    """
    known = {control.name: control for control in controls(device)}
    if name not in known:
        names = ", ".join(known) or "none"
        raise ValueError(f"this camera has no control {name!r}: it has {names}")
    setting = dict(_settings(device))[name]
    control = known[name]
    if control.choices:
        if value not in control.choices:
            raise ValueError(f"{name} must be one of {', '.join(control.choices)}, got {value!r}")
        members = type(setting.read()).__members__
        setting.write(members[value])
    elif isinstance(control.value, tuple):
        if not isinstance(value, tuple) or len(value) != 4 or min(value) < 0:
            raise ValueError(f"{name} must be (x, y, width, height) in pixels, got {value!r}")
        setting.write(value)
    elif isinstance(control.value, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, got {value!r}")
        setting.write(value)
    else:
        _set_number(setting, control, value)
    return _control(name, setting)


def _set_number(setting: _Setting, control: Control, value: Value) -> None:
    limits = f"between {control.minimum} and {control.maximum} {control.unit}".rstrip()
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{control.name} must be a whole number {limits}, got {value!r}")
    if not control.minimum <= value <= control.maximum:
        raise ValueError(f"{control.name} must lie {limits}, got {value}")
    setting.write(value // setting.step)


def _control(name: str, setting: _Setting) -> Control:
    value = setting.read()
    if isinstance(value, timedelta):
        value = value // timedelta(microseconds=1)
    members = getattr(type(value), "__members__", None)
    if members is not None:
        return Control(name=name, value=value.name, choices=tuple(members))
    if isinstance(value, tuple):
        x, y, width, height = (int(part) for part in value)
        return Control(name=name, value=(x, y, width, height))
    if isinstance(value, bool):
        return Control(name=name, value=value)
    return Control(
        name=name,
        value=int(value) * setting.step,
        minimum=setting.minimum * setting.step,
        maximum=setting.maximum * setting.step,
        step=setting.step,
        unit=setting.unit,
    )


def _settings(device: Any) -> Iterator[tuple[str, _Setting]]:
    """Yield the settings whose two methods this camera object has."""
    for name, (suffix, least, most, step, unit) in _NUMBERS.items():
        read, write = _methods(device, suffix)
        if read and write:
            yield (
                name,
                _Setting(read=read, write=write, minimum=least, maximum=most, step=step, unit=unit),
            )
    for name, suffix in _OTHERS.items():
        read, write = _methods(device, suffix)
        if read and write:
            yield name, _Setting(read=read, write=write)
    yield from _davis346_biases(device)


def _davis346_biases(device: Any) -> Iterator[tuple[str, _Setting]]:
    """Yield each bias current as its two parts."""
    read, write = _methods(device, "Davis346BiasCoarseFine")
    kinds = getattr(getattr(device, "Davis346BiasCF", None), "__members__", {})
    if not read or not write:
        return
    for bias in DAVIS346_BIASES:
        if bias in kinds:
            name = "bias_" + re.sub(r"(?<!^)(?=[A-Z])", "_", bias).lower()
            yield f"{name}_coarse", _bias_part(read, write, kinds[bias], 0)
            yield f"{name}_fine", _bias_part(read, write, kinds[bias], 1)


def _bias_part(read: Any, write: Any, kind: Any, part: int) -> _Setting:
    """Return the setting of a bias's coarse (0) or fine (1) part, which keeps the other one."""

    def write_part(value: int) -> None:
        parts = list(read(kind))
        parts[part] = value
        write(kind, *parts)

    return _Setting(read=lambda: read(kind)[part], write=write_part, maximum=MAX_BIAS_PARTS[part])


def _methods(device: Any, suffix: str) -> tuple[Any, Any]:
    return getattr(device, f"get{suffix}", None), getattr(device, f"set{suffix}", None)
