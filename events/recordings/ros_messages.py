"""The messages of ROS 1 that hold events and images, decoded.

Source: dvs_msgs/EventArray (https://github.com/uzh-rpg/rpg_dvs_ros), event_camera_msgs/EventPacket
(https://github.com/ros-event-camera/event_camera_msgs), sensor_msgs/Image.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from events.packet import EventArray
from events.recordings.columns import events_of_columns
from events.recordings.compression import Buffer
from events.recordings.recording import Frame

EVENT_ARRAYS = ("dvs_msgs/EventArray", "prophesee_event_msgs/EventArray")
EVENT_PACKETS = ("event_camera_msgs/EventPacket", "event_array_msgs/EventArray")
IMAGES = ("sensor_msgs/Image",)
_EVENT = np.dtype(
    {
        "names": ["x", "y", "s", "ns", "p"],
        "formats": ["<u2", "<u2", "<u4", "<u4", "u1"],
        "offsets": [0, 2, 4, 8, 12],
        "itemsize": 13,
    }
)
_LIBCAER_WRAP_US = 1 << 31
_CHANNELS = {"mono8": 1, "8UC1": 1, "bgr8": 3, "8UC3": 3, "rgb8": 3, "bgra8": 4, "rgba8": 4}
_REVERSED = {"rgb8": [2, 1, 0], "rgba8": [2, 1, 0, 3]}


class MessageError(ValueError):
    """A message is cut short or does not hold what its type says."""


class _Reader:
    """Takes one field after another."""

    def __init__(self, data: Buffer) -> None:
        self._data, self._position = data, 0

    def take(self, form: str) -> tuple[int, ...]:
        try:
            found = struct.unpack_from("<" + form, self._data, self._position)
        except struct.error:
            raise MessageError("cut short") from None
        self._position += struct.calcsize("<" + form)
        return found

    def block(self, item_bytes: int = 1) -> memoryview:
        """Return the bytes of an array, which its length precedes."""
        (number,) = self.take("I")
        start, self._position = self._position, self._position + number * item_bytes
        if self._position > len(self._data):
            raise MessageError("cut short")
        return memoryview(self._data)[start : self._position]

    def header_us(self) -> int:
        """Take a std_msgs/Header and return its stamp."""
        _, seconds, nanoseconds = self.take("3I")
        self.block()
        return seconds * 1_000_000 + nanoseconds // 1000


@dataclass(frozen=True, slots=True)
class PackedEvents:
    """The bytes of an event_camera_msgs/EventPacket."""

    encoding: str
    time_base_ns: int
    """What the times of some encodings count from."""
    byte_order: str
    """Of the bytes' words: < or >."""
    data: memoryview


def sensor_size(data: Buffer) -> tuple[int, int]:
    """Return (width, height) of either message of events."""
    reader = _Reader(data)
    reader.header_us()
    height, width = reader.take("2I")
    return width, height


def decode_event_array(data: Buffer) -> EventArray:
    """Return the (N,) events of a dvs_msgs/EventArray."""
    reader = _Reader(data)
    reader.header_us()
    reader.take("2I")
    rows = np.frombuffer(reader.block(_EVENT.itemsize), _EVENT)
    t = rows["s"].astype(np.int64) * 1_000_000 + rows["ns"] // 1000
    return events_of_columns(t, rows["x"], rows["y"], rows["p"])


def decode_event_packet(data: Buffer) -> PackedEvents:
    """Return what an event_camera_msgs/EventPacket holds, still encoded."""
    reader = _Reader(data)
    reader.header_us()
    _, _, _, time_base_ns = reader.take("2I2Q")
    encoding = bytes(reader.block()).decode(errors="replace")
    (is_big_endian,) = reader.take("B")
    return PackedEvents(encoding, time_base_ns, ">" if is_big_endian else "<", reader.block())


def decode_mono(data: Buffer) -> EventArray:
    """Return the (N,) events of a packet of 64-bit words: polarity, y, x and nanoseconds.

    Raises:
        MessageError: It is of another encoding, or ends amid a word.
    """
    packed, words = _words(data, "mono", "u8")
    nanoseconds = packed.time_base_ns + (words & 0xFFFFFFFF).astype(np.int64)
    return events_of_columns(
        nanoseconds // 1000, words >> 32 & 0xFFFF, words >> 48 & 0x7FFF, words >> 63
    )


def decode_libcaer(data: Buffer) -> EventArray:
    """Return the (N,) events of a packet of libcaer's pairs of 32 bits: address, microseconds.

    Raises:
        MessageError: It is of another encoding, or ends amid a pair.
    """
    packed, words = _words(data, "libcaer", "u4")
    address, low_us = words.reshape(-1, 2).astype(np.int64).T
    num_wraps = np.cumsum(np.diff(low_us, prepend=low_us[:1]) < -(_LIBCAER_WRAP_US >> 1))
    t = packed.time_base_ns // 1000 + low_us + num_wraps * _LIBCAER_WRAP_US
    return events_of_columns(t, address >> 17 & 0x7FFF, address >> 2 & 0x7FFF, address >> 1 & 1)


def _words(data: Buffer, encoding: str, kind: str) -> tuple[PackedEvents, npt.NDArray[Any]]:
    """Return a packet, and its bytes as words of a kind; there are always whole 8 bytes."""
    packed = decode_event_packet(data)
    if packed.encoding != encoding or len(packed.data) % 8:
        raise MessageError(f"{len(packed.data)} bytes of {packed.encoding}")
    return packed, np.frombuffer(packed.data, packed.byte_order + kind)


def image_time_us(data: Buffer) -> int:
    """Return the stamp of a sensor_msgs/Image."""
    return _Reader(data).header_us()


def decode_image(data: Buffer) -> Frame:
    """Return a sensor_msgs/Image of 8 bits, colours as BGR.

    Raises:
        MessageError: It is cut short, or of another depth.
    """
    reader = _Reader(data)
    t_us = reader.header_us()
    height, width = reader.take("2I")
    encoding = bytes(reader.block()).decode(errors="replace")
    _, step = reader.take("BI")
    pixels = np.frombuffer(reader.block(), np.uint8)
    channels = _CHANNELS.get(encoding, 0)
    if not channels or step < width * channels or len(pixels) < height * step or not height * width:
        raise MessageError(f"{width}x{height} {encoding} in {len(pixels)} bytes")
    image = pixels[: height * step].reshape(height, step)[:, : width * channels]
    image = image if channels == 1 else image.reshape(height, width, channels)
    image = np.ascontiguousarray(
        image[..., _REVERSED[encoding]] if encoding in _REVERSED else image
    )
    image.flags.writeable = False
    return Frame(t_us, 0, image)
