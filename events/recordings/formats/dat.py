"""Prophesee DAT recordings, versions 1 and 2: 8 bytes an event, as N-Cars and GEN1 come in.

Source: docs.prophesee.ai, "DAT file format". Version 1 (ATIS, 304x240) has 9 bits of x, 8 of y.
"""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from events.recordings import prophesee_header
from events.recordings.record_layout import RecordLayout
from events.recordings.recording import Recording, RecordingError, read_start
from events.recordings.text_header import parse_text_header, read_text_header

NAME = "Prophesee DAT"
SUFFIXES = (".dat",)
HAS_MARK = True

_EVENT_BYTES = 8
_LAYOUTS = {
    "1": RecordLayout(x_shift=0, x_bits=9, y_shift=9, y_bits=8, p_shift=17),
    "2": RecordLayout(x_shift=0, x_bits=14, y_shift=14, y_bits=14, p_shift=28),
}


def matches(first: bytes, path: Path) -> bool:
    """Whether the header is one of DAT: a line "Data file containing ...", or a version."""
    header = parse_text_header(first, prophesee_header.MARK, prophesee_header.END)
    return bool(header.value("Data file containing", "Version"))


def open_(path: Path, sensor: SensorSize | None) -> Recording:
    """Open a file; ``sensor`` counts where the header does not say its size."""
    from events.recordings.word_stream import WordStreamRecording

    header = read_text_header(path, prophesee_header.MARK, prophesee_header.END)
    version = header.value("Version") or "1"
    if version not in _LAYOUTS:
        raise RecordingError(f"{path} is DAT version {version}: versions 1 and 2 are read")
    # Two bytes behind the header: the type of the events, and how many bytes one has.
    start = header.num_bytes + 2
    event_bytes = read_start(path, start)[header.num_bytes + 1 :]
    if event_bytes and event_bytes[0] != _EVENT_BYTES:
        raise RecordingError(
            f"{path} has {event_bytes[0]} bytes an event: DAT with {_EVENT_BYTES} is read"
        )
    return WordStreamRecording(
        path,
        start,
        _LAYOUTS[version].decoder(),
        f"{NAME} v{version}",
        sensor=prophesee_header.sensor_size(header) or sensor,
        camera=prophesee_header.camera_name(header),
    )
