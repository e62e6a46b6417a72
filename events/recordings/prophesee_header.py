"""What the header of a Prophesee file says: encoding, size of the sensor, camera.

Source: docs.prophesee.ai, "RAW file format" and "DAT file format".
"""

from __future__ import annotations

import re

from events.packet import SensorSize
from events.recordings.text_header import TextHeader, parse_text_header

MARK, END = b"%", "end"
SENSORS = (
    SensorSize(304, 240),
    SensorSize(320, 320),
    SensorSize(480, 360),
    SensorSize(640, 480),
    SensorSize(1280, 720),
)
"""Of Prophesee's cameras: Gen1, GenX320, Gen3 small, Gen3, Gen4 and IMX636."""
_ENCODINGS = {"EVT2": "2.0", "EVT21": "2.1", "EVT3": "3.0"}


def raw_encoding(first: bytes) -> str:
    """Return the version of EVT of a RAW file that starts with these bytes; empty if it is none."""
    header = parse_text_header(first, MARK, END)
    if not header.lines or header.value("Data file containing", "Version"):
        return ""
    named = _ENCODINGS.get(header.value("format").split(";")[0].upper())
    # Before there was more than one encoding, headers did not name it.
    default = "2.0" if header.value("integrator_name", "plugin_name", "system_ID") else ""
    return named or header.value("evt") or default


def sensor_size(header: TextHeader) -> SensorSize | None:
    """Return the sensor's size as the header says it, in any of the ways there were."""
    options = dict(re.findall(r"(\w+)=(\w+)", header.value("format")))
    texts = [
        header.value("geometry"),
        f"{options.get('width')}x{options.get('height')}",
        f"{header.value('Width')}x{header.value('Height')}",
    ]
    for text in texts:
        if re.fullmatch(r"\d{1,5}x\d{1,5}", text):
            width, height = map(int, text.split("x"))
            if 0 < width <= 32768 and 0 < height <= 32768:
                return SensorSize(width, height)
    return None


def camera_name(header: TextHeader) -> str:
    """Return integrator or plugin and serial number, as far as they are there."""
    model = header.value("plugin_name").removeprefix("hal_plugin_")
    parts = [
        header.value("camera_integrator_name", "integrator_name"),
        model,
        header.value("serial_number"),
    ]
    return "_".join(part for part in parts if part)
