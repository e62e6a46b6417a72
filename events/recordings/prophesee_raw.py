"""Opening a Prophesee RAW file, whatever its encoding: a text header, then words."""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from events.recordings import prophesee_header
from events.recordings.recording import Recording
from events.recordings.text_header import TextHeader, read_text_header
from events.recordings.word_stream import Decode, Decoder, WordStreamRecording


def read_header(path: Path) -> TextHeader:
    """Return the header of a file that is known to be RAW."""
    return read_text_header(path, prophesee_header.MARK, prophesee_header.END)


def open_raw(
    path: Path, sensor: SensorSize | None, name: str, decode: Decode, events_per_byte: float
) -> Recording:
    """Open a file whose words ``decode`` understands.

    Args:
        path: The file.
        sensor: Counts where the header does not say its size.
        name: Of the format.
        decode: See Decoder.
        events_per_byte: See Decoder.
    """
    header = read_header(path)
    decoder = Decoder(
        decode=decode,
        events_per_byte=events_per_byte,
        known_sensors=prophesee_header.SENSORS,
    )
    return WordStreamRecording(
        path,
        header.num_bytes,
        decoder,
        name,
        sensor=prophesee_header.sensor_size(header) or sensor,
        camera=prophesee_header.camera_name(header),
    )
