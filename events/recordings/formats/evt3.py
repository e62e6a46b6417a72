"""Prophesee RAW recordings in EVT 3.0: 16-bit words that say what has changed."""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from events.recordings import prophesee_header
from events.recordings.recording import Recording
from events.recordings.text_header import read_text_header

NAME = "Prophesee RAW EVT3"
SUFFIXES = (".raw",)
HAS_MARK = True


def matches(first: bytes, path: Path) -> bool:
    """Whether the header says EVT 3.0."""
    return prophesee_header.raw_encoding(first) == "3.0"


def open_(path: Path, sensor: SensorSize | None) -> Recording:
    """Open a file; ``sensor`` counts where the header does not say its size."""
    from events.recordings.evt_kernels import decode_evt3
    from events.recordings.word_stream import Decoder, WordStreamRecording

    header = read_text_header(path, prophesee_header.MARK, prophesee_header.END)
    decoder = Decoder(
        decode=decode_evt3, events_per_byte=12 / 2, known_sensors=prophesee_header.SENSORS
    )
    return WordStreamRecording(
        path,
        header.num_bytes,
        decoder,
        NAME,
        sensor=prophesee_header.sensor_size(header) or sensor,
        camera=prophesee_header.camera_name(header),
    )
