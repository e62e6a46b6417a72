"""The payloads of AEDAT4 packets: FlatBuffers of events, frames, inertial samples and triggers."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from events.packet import EventArray
from events.recordings import flatbuffer
from events.recordings.flatbuffer import VECTOR_START, FlatBufferError
from events.recordings.pixels import upper_bytes
from events.recordings.recording import IMU_DTYPE, TRIGGER_DTYPE, Frame

_USUAL_EVENTS_PREFIX = flatbuffer.vector_prefix(b"EVTS", 0, 0)[4:28]
_IMU_NAMES = (
    "temperature", "ax", "ay", "az", "gx", "gy", "gz", "mx", "my", "mz",
)  # fmt: skip
_IMU_FIELDS = {"t": (0, "<i8")} | {name: (1 + i, "<f4") for i, name in enumerate(_IMU_NAMES)}
_TRIGGER_FIELDS = {"t": (0, "<i8"), "kind": (1, "i1")}
_IMU_RECORD = np.dtype(
    {
        "names": ["t", *_IMU_NAMES],
        "formats": ["<i8", *["<f4"] * 10],
        "offsets": [4, *range(12, 52, 4)],
        "itemsize": 56,
    }
)
_TRIGGER_RECORD = np.dtype(
    {"names": ["t", "kind"], "formats": ["<i8", "i1"], "offsets": [4, 12], "itemsize": 16}
)
_MAX_PIXELS = 1 << 26
_VALUE_BYTES = {0: 1, 2: 2}
"""Of the depths of OpenCV that are read: CV_8U and CV_16U."""


def find_events(buffer: bytes | bytearray) -> memoryview:
    """Return the bytes of the events inside ``buffer``, 16 an event, unchecked.

    Raises:
        FlatBufferError: The buffer does not hold a vector of events.
    """
    if buffer.startswith(_USUAL_EVENTS_PREFIX, 4):  # of every writer: no need to follow offsets
        start, length = VECTOR_START, int.from_bytes(buffer[28:32], "little")
        if start + 16 * length > len(buffer):
            raise FlatBufferError(f"{length} events do not fit into {len(buffer)} bytes")
    else:
        if flatbuffer.identifier(buffer) != b"EVTS":
            raise FlatBufferError(f"{flatbuffer.identifier(buffer)!r} instead of events")
        start, length = flatbuffer.root(buffer).vector(0, 16)
    return memoryview(buffer)[start : start + 16 * length]


def first_event_us(start: bytes | bytearray) -> int | None:
    """Return the time of the first event, from the first bytes of a buffer; None if it has none.

    Raises:
        FlatBufferError: These are not the first bytes of a buffer of events.
    """
    if flatbuffer.identifier(start) != b"EVTS":
        raise FlatBufferError(f"{flatbuffer.identifier(start)!r} instead of events")
    position, length = flatbuffer.root(start, is_whole=False).vector(0, 0)
    if not length:
        return None
    if position + 8 > len(start):
        raise FlatBufferError(f"the first event is not within {len(start)} bytes")
    return int.from_bytes(start[position : position + 8], "little", signed=True)


def encode_events(events: EventArray) -> bytes:
    """Return a buffer of events; padding bytes as they are."""
    data = np.ascontiguousarray(events).tobytes()
    return flatbuffer.vector_prefix(b"EVTS", len(events), len(data)) + data


def decode_frame(buffer: bytes | bytearray) -> Frame:
    """Return the image of a frame's buffer; of 16 bits a value its upper byte.

    Raises:
        FlatBufferError: The buffer does not hold such an image.
    """
    table = flatbuffer.root(buffer)
    kind = table.scalar(5, "<b", 0)  # OpenCV's number of a pixel type: depth + 8 * (channels - 1)
    width, height = table.scalar(6, "<h", 0), table.scalar(7, "<h", 0)
    channels = (kind >> 3) + 1
    start, length = table.vector(10, 1)
    value_bytes = _VALUE_BYTES.get(kind & 7, 0)
    if not value_bytes or not 1 <= channels <= 4:
        raise FlatBufferError(f"pixel format {kind} is not one of 8 or 16 unsigned bits")
    pixel_bytes = channels * value_bytes
    if (
        width < 0
        or height < 0
        or width * height > _MAX_PIXELS
        or length != width * height * pixel_bytes
    ):
        raise FlatBufferError(
            f"{length} bytes are not {width}x{height} pixels of {pixel_bytes} bytes"
        )
    data = memoryview(buffer)[start : start + length]
    pixels = upper_bytes(data) if value_bytes == 2 else np.frombuffer(data, np.uint8)
    shape = (height, width) if channels == 1 else (height, width, channels)
    opened_us, closed_us = table.scalar(3, "<q", 0), table.scalar(4, "<q", 0)
    return Frame(
        opened_us or table.scalar(0, "<q", 0),  # older writers' timestamp: the exposure's middle
        table.scalar(11, "<q", 0) or max(closed_us - opened_us, 0),
        pixels.reshape(shape),
        table.scalar(8, "<h", 0),
        table.scalar(9, "<h", 0),
    )


def encode_frame(frame: Frame) -> bytes:
    """Return the buffer of one 8-bit image.

    Raises:
        ValueError: The image is not (H, W), (H, W, 3) or (H, W, 4) of uint8.
    """
    pixels = np.ascontiguousarray(frame.pixels)
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise ValueError(
            f"a frame must be (H, W[, 3 or 4]) uint8, got {pixels.shape} {pixels.dtype}"
        )
    # The table stands at byte 52; its fields by number, as offsets from there (0: left out).
    offsets = (4, 0, 0, 12, 20, 44, 36, 38, 40, 42, 48, 28, 45)
    head = struct.pack("<II4s10xHH13H", 0, 48, b"FRME", 30, 52, *offsets)
    table = struct.pack(
        "<iqqqqhhhhbb2xII", 52 - 22, frame.t_us, frame.t_us, frame.t_us + frame.exposure_us,
        frame.exposure_us, pixels.shape[1], pixels.shape[0], frame.left, frame.top,
        8 * (channels - 1), 1, 4, pixels.size,
    )  # fmt: skip
    body = head[4:] + table + pixels.tobytes()
    return struct.pack("<I", len(body)) + body


def decode_imu(buffer: bytes | bytearray) -> npt.NDArray[np.void]:
    """Return (N,) samples of IMU_DTYPE."""
    rows = flatbuffer.read_tables(buffer, _IMU_FIELDS)
    samples: Any = np.zeros(len(rows), IMU_DTYPE)
    samples["t"], samples["temperature_c"] = rows["t"], rows["temperature"]
    for axis, letter in enumerate("xyz"):
        samples["acceleration_g"][:, axis] = rows["a" + letter]
        samples["rotation_deg_per_s"][:, axis] = rows["g" + letter]
        samples["magnetic_field_ut"][:, axis] = rows["m" + letter]
    return samples  # type: ignore[no-any-return]


def encode_imu(samples: npt.NDArray[np.void]) -> bytes:
    """Return the buffer of (N,) samples of IMU_DTYPE."""
    rows: Any = np.zeros(len(samples), _IMU_RECORD)
    rows["t"], rows["temperature"] = samples["t"], samples["temperature_c"]
    for axis, letter in enumerate("xyz"):
        rows["a" + letter] = samples["acceleration_g"][:, axis]
        rows["g" + letter] = samples["rotation_deg_per_s"][:, axis]
        rows["m" + letter] = samples["magnetic_field_ut"][:, axis]
    return flatbuffer.write_tables(b"IMUS", rows, {name: n for name, (n, _) in _IMU_FIELDS.items()})


def decode_triggers(buffer: bytes | bytearray) -> npt.NDArray[np.void]:
    """Return (N,) signals of TRIGGER_DTYPE."""
    rows = flatbuffer.read_tables(buffer, _TRIGGER_FIELDS)
    signals: Any = np.zeros(len(rows), TRIGGER_DTYPE)
    signals["t"], signals["kind"] = rows["t"], rows["kind"]
    return signals  # type: ignore[no-any-return]


def encode_triggers(signals: npt.NDArray[np.void]) -> bytes:
    """Return the buffer of (N,) signals of TRIGGER_DTYPE."""
    rows: Any = np.zeros(len(signals), _TRIGGER_RECORD)
    rows["t"], rows["kind"] = signals["t"], signals["kind"]
    return flatbuffer.write_tables(
        b"TRIG", rows, {name: n for name, (n, _) in _TRIGGER_FIELDS.items()}
    )
