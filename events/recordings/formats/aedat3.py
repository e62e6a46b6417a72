"""AEDAT 3.1 recordings, as cAER writes them; DVS128 Gesture comes in them: events and frames.

Source: docs.inivation.com, "AEDAT 3.1". Inertial samples are left out.
"""

from __future__ import annotations

import re
from pathlib import Path

from events.packet import SensorSize
from events.recordings import inivation_sensors
from events.recordings.recording import Recording, RecordingError
from events.recordings.text_header import read_text_header

NAME = "AEDAT 3.1"
SUFFIXES = (".aedat",)
HAS_MARK = True

_VERSION_LINE = b"#!AER-DAT3."


def matches(first: bytes, path: Path) -> bool:
    """Whether the first line says AEDAT 3."""
    return first.startswith(_VERSION_LINE)


def open_(path: Path, sensor: SensorSize | None) -> Recording:
    """Open a file; ``sensor`` counts where the header does not name one that we know."""
    from events.recordings.aedat3_frames import Aedat3Frames
    from events.recordings.aedat3_kernels import decode_aedat3
    from events.recordings.word_stream import Decoder, WordStreamRecording

    header = read_text_header(path, b"#", "!END-HEADER")
    version = header.lines[0].removeprefix("!AER-DAT") if header.lines else "cut short"
    if version != "3.1":
        raise RecordingError(f"{path} is AEDAT {version}: of AEDAT 3, version 3.1 is read")
    coding = header.value("Format") or "RAW"
    if coding != "RAW":
        raise RecordingError(f"{path} is AEDAT 3.1 coded as {coding}: RAW is read")
    source = next(
        (m[1] for line in header.lines if (m := re.match(r"Source \d+: (\S+)", line))), ""
    )
    is_dvs128 = inivation_sensors.is_dvs128(source)
    size = inivation_sensors.DVS128 if is_dvs128 else inivation_sensors.davis_size(source)
    return WordStreamRecording(
        path,
        header.num_bytes,
        Decoder(
            decode=decode_aedat3,
            events_per_byte=1 / 8,
            known_sensors=(inivation_sensors.DVS128, *inivation_sensors.DAVIS.values()),
        ),
        NAME,
        sensor=size or sensor,
        camera=source,
        frames=None if is_dvs128 else Aedat3Frames(path, header.num_bytes),
    )
