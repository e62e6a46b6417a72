"""AEDAT 2.0 recordings, as jAER writes them, of DVS128 and DAVIS cameras: the events.

Source: docs.inivation.com, "AEDAT 2.0", and jAER's chip classes, whose images have their origin at
the bottom. Frames and inertial samples of a DAVIS are in the same words; they are left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from events.packet import SensorSize
from events.recordings import inivation_sensors
from events.recordings.record_layout import RecordLayout
from events.recordings.recording import Recording, RecordingError, read_start
from events.recordings.text_header import TextHeader, read_text_header

NAME = "AEDAT 2.0"
SUFFIXES = (".aedat",)
HAS_MARK = True

_VERSION_LINE = b"#!AER-DAT2.0"
_PROBE_BYTES = 1 << 20
_DAVIS_KINDS = 1 << 31 | 1 << 10


def matches(first: bytes, path: Path) -> bool:
    """Whether the first line says AEDAT 2.0."""
    return first.startswith(_VERSION_LINE)


def open_(path: Path, sensor: SensorSize | None) -> Recording:
    """Open a file; ``sensor`` counts where the header does not name the chip."""
    from events.recordings.word_stream import WordStreamRecording

    header = read_text_header(path, b"#", "End Of ASCII Header")
    chip = header.value("AEChip").rsplit(".", 1)[-1]
    is_davis, size, is_guessed = _chip(path, header, chip, sensor)
    return WordStreamRecording(
        path,
        header.num_bytes,
        (_davis(size) if is_davis else _dvs128(size)).decoder(),
        f"{NAME} {chip or ('DAVIS' if is_davis else 'DVS128')}",
        sensor=size,
        camera=header.value("HardwareInterface") or chip,
        is_sensor_guessed=is_guessed,
    )


def _dvs128(size: SensorSize) -> RecordLayout:
    return RecordLayout(
        is_big_endian=True,
        is_time_first=False,
        x_shift=1,
        x_bits=7,
        y_shift=8,
        y_bits=7,
        p_shift=0,
        is_on_zero=True,
        flipped=size,
        event_mask=1 << 15,
        trigger_mask=1 << 15,
        trigger_value=1 << 15,
    )


def _davis(size: SensorSize) -> RecordLayout:
    return RecordLayout(
        is_big_endian=True,
        is_time_first=False,
        x_shift=12,
        x_bits=10,
        y_shift=22,
        y_bits=9,
        p_shift=11,
        flipped=size,
        event_mask=_DAVIS_KINDS,
        trigger_mask=_DAVIS_KINDS,
        trigger_value=1 << 10,
    )


def _chip(
    path: Path, header: TextHeader, chip: str, sensor: SensorSize | None
) -> tuple[bool, SensorSize, bool]:
    """Return whether the chip is a DAVIS, its size, and whether that is a guess.

    Without a name in the header, addresses of more than 16 bits tell a DAVIS, and the smallest one
    that holds the first events its size.

    Raises:
        RecordingError: The chip is named, and not one that we know.
    """
    size = inivation_sensors.davis_size(chip)
    if size is not None:
        return True, size, False
    if inivation_sensors.is_dvs128(chip):
        return False, inivation_sensors.DVS128, False
    if chip:
        raise RecordingError(f"{path} is of chip {chip}: AEDAT 2.0 of DVS128 and DAVIS is read")
    data = read_start(path, header.num_bytes + _PROBE_BYTES)[header.num_bytes :]
    addresses = np.frombuffer(data[: len(data) & ~7], ">u4")[::2]
    if not (addresses >> 16).any():
        return False, sensor or inivation_sensors.DVS128, False
    if sensor is not None:
        return True, sensor, False
    events = addresses[addresses & _DAVIS_KINDS == 0]
    width = int((events >> 12 & 0x3FF).max(initial=0)) + 1
    height = int((events >> 22 & 0x1FF).max(initial=0)) + 1
    sizes = sorted(inivation_sensors.DAVIS.values(), key=lambda size: size.width)
    fitting = (size for size in sizes if width <= size.width and height <= size.height)
    return True, next(fitting, sizes[-1]), True
