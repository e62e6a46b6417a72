"""ROS 1 bags with dvs_msgs/EventArray or event_camera_msgs/EventPacket, and their images.

Where a bag has several topics of events or images it is the first by name that is read, but an
image topic in the same name space as the events goes before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from events.packet import EVENT_DTYPE, EventArray, SensorSize, join_events
from events.recordings import ros_messages
from events.recordings.chunked import ChunkedRecording
from events.recordings.chunks import NO_EVENTS, Chunk, Chunks
from events.recordings.recording import Damage, Frame, RecordingError
from events.recordings.ros_bag_file import MARK, BagError, BagFile, Connection

T = TypeVar("T")

NAME = "ROS 1 bag"
SUFFIXES = (".bag",)
HAS_MARK = True
_NUM_STATE = 8
_EVENTS_PER_BYTE = 12 / 2
"""Of an EVT3 vector, which is a word of two bytes."""
_DECODERS: dict[str, Callable[[bytes | bytearray], EventArray]] = {
    "mono": ros_messages.decode_mono,
    "libcaer": ros_messages.decode_libcaer,
}
"""Of packets by their encoding, where each can be read without those before it."""


def matches(first: bytes, path: Path) -> bool:
    """Whether it starts as bags of version 2.0 do."""
    return first.startswith(MARK)


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open a bag; its messages say the sensor's size.

    Raises:
        RecordingError: It holds no events that we read; the message says what it holds.
    """
    bag = BagFile(path)
    try:
        events = _first(bag, ros_messages.EVENT_ARRAYS + ros_messages.EVENT_PACKETS)
        if events is None:
            kinds = ", ".join(sorted({each.type for each in bag.connections.values()}))
            raise RecordingError(
                f"{path} holds no events: it needs messages of "
                f"{', '.join((*ros_messages.EVENT_ARRAYS, *ros_messages.EVENT_PACKETS))}, and has "
                f"{kinds or 'none'}"
            )
        chunks = _chunks(bag, events)
        images = _first(bag, ros_messages.IMAGES, near=events.topic)
        return ChunkedRecording(
            path,
            chunks,
            f"{NAME} ({events.type.partition('/')[2]})",
            _look(bag, events, _size_of) or sensor or _no_size(path),
            name=events.topic,
            frames=None if images is None else _Images(bag, images),
        )
    except BaseException:
        bag.close()
        raise


def _chunks(bag: BagFile, events: Connection) -> _BagChunks:
    """Return the events of a connection, by what its type and its first message say.

    Raises:
        RecordingError: They are encoded in a way that we do not read.
    """
    if events.type in ros_messages.EVENT_ARRAYS:
        return _EventMessages(bag, events, ros_messages.decode_event_array)
    encoding = _look(bag, events, lambda data: ros_messages.decode_event_packet(data).encoding)
    if encoding in _DECODERS:
        return _EventMessages(bag, events, _DECODERS[encoding])
    if encoding not in ("evt3", None):
        raise RecordingError(
            f"{bag.path} has events encoded as {encoding}: evt3, {' and '.join(_DECODERS)} are "
            "read; decode them with ROS's event_camera_py and save t, x, y and p as .npz"
        )
    return _Evt3Events(bag, events)


def _look(bag: BagFile, connection: Connection, read: Callable[[bytes | bytearray], T]) -> T | None:
    """Return what ``read`` says of the first message that it can read; None if there is none."""
    for number in range(len(bag)):
        try:
            for _, data in bag.messages(number, (connection.id,)):
                return read(data)
        except ValueError:
            continue
    return None


def _size_of(data: bytes | bytearray) -> SensorSize:
    return SensorSize(*ros_messages.sensor_size(data))


def _no_size(path: Path) -> SensorSize:
    raise RecordingError(
        f"{path} holds no message of events that can be read: nothing to see in it"
    )


def _first(bag: BagFile, types: tuple[str, ...], near: str = "") -> Connection | None:
    """Return the connection to read: of one of the types, near a topic, the first by name."""
    space = near.rpartition("/")[0]
    found = [each for each in bag.connections.values() if each.type in types]
    key: Callable[[Connection], tuple[bool, str]] = lambda each: (  # noqa: E731
        not each.topic.startswith(space + "/"),
        each.topic,
    )
    return min(found, key=key, default=None)


class _BagChunks(Chunks):
    """The messages of events of each chunk of the bag."""

    def __init__(self, bag: BagFile, connection: Connection) -> None:
        self._bag, self._connection = bag, connection

    def __len__(self) -> int:
        return len(self._bag)

    @property
    def damage(self) -> Damage:
        """The end, where that was cut off."""
        return Damage(skipped_bytes=self._bag.num_skipped_bytes)

    def close(self) -> None:
        self._bag.close()

    def _messages(self, number: int) -> Iterator[bytes | bytearray]:
        for _, data in self._bag.messages(number, (self._connection.id,)):
            yield data

    def _joined(
        self, number: int, decode: Callable[[bytes | bytearray], EventArray], num_lost: int = 0
    ) -> Chunk:
        parts: list[EventArray] = []
        is_damaged = False
        try:
            for data in self._messages(number):
                try:
                    parts.append(decode(data))
                except ros_messages.MessageError:
                    is_damaged = True
        except BagError:
            is_damaged = True
        return Chunk(events=join_events(parts), num_lost=num_lost, is_damaged=is_damaged)


class _EventMessages(_BagChunks):
    """Events of messages that can each be read by itself."""

    def __init__(
        self,
        bag: BagFile,
        connection: Connection,
        decode: Callable[[bytes | bytearray], EventArray],
    ) -> None:
        super().__init__(bag, connection)
        self._decode = decode

    def read(self, number: int) -> Chunk:
        """Return the events of a chunk's messages."""
        return self._joined(number, self._decode)

    def first_us(self, number: int) -> int | None:
        """Return the time of the first event, decoding no more."""
        try:
            for data in self._messages(number):
                events = self._decode(data)
                if len(events):
                    return int(events["t"][0])
        except ValueError:
            pass
        return None


class _Evt3Events(_BagChunks):
    """Events as words of EVT3 whose meaning depends on words before: decoded once when opened.

    Their times are the camera's own; that of the bag's messages is another clock.
    """

    def __init__(self, bag: BagFile, connection: Connection) -> None:
        from events.recordings.evt_kernels import decode_evt3

        super().__init__(bag, connection)
        self._decode = decode_evt3
        self._states: list[npt.NDArray[np.int64]] = []
        self._first: list[int | None] = []
        state = np.zeros(_NUM_STATE, np.int64)
        for number in range(len(bag)):
            self._states.append(state.copy())
            events = self._chunk(number, state).events
            self._first.append(int(events["t"][0]) if len(events) else None)

    def read(self, number: int) -> Chunk:
        """Return the events of a chunk's messages."""
        return self._chunk(number, self._states[number].copy())

    def first_us(self, number: int) -> int | None:
        """Return the time of the first event, known since the file was opened."""
        return self._first[number]

    def _chunk(self, number: int, state: npt.NDArray[np.int64]) -> Chunk:
        counts = np.zeros(2, np.int64)

        def decode(message: bytes | bytearray) -> EventArray:
            packed = ros_messages.decode_event_packet(message)
            if packed.encoding != "evt3":
                raise ros_messages.MessageError(f"encoded as {packed.encoding}")
            data = np.frombuffer(packed.data, np.uint8)
            if len(data) < 2:
                return NO_EVENTS
            rows = np.empty((int(len(data) * _EVENTS_PER_BYTE) + 64, 2), np.int64)
            triggers = np.empty((len(data) // 2 + 64, 2), np.int64)
            _, num_events, _ = self._decode(data, state, rows, triggers, counts)
            events: EventArray = rows[:num_events].copy().view(EVENT_DTYPE).reshape(-1)
            return events

        chunk = self._joined(number, decode)
        return Chunk(
            events=chunk.events,
            num_lost=int(counts[1]),
            num_skipped_bytes=int(counts[0]),
            is_damaged=chunk.is_damaged,
        )


def _image_time_us(data: bytes | bytearray) -> int:
    """Return an image's stamp; 0 where it is damaged."""
    try:
        return ros_messages.image_time_us(data)
    except ros_messages.MessageError:
        return 0


class _Images:
    """The images of a topic; where they are is looked up when they are first asked for."""

    def __init__(self, bag: BagFile, connection: Connection) -> None:
        self._bag, self._connection = bag, connection
        self._places: list[tuple[int, int]] = []
        self._times_us: npt.NDArray[np.int64] | None = None
        self._chunk, self._held = -1, dict[int, bytes | bytearray]()

    @property
    def times_us(self) -> npt.NDArray[np.int64]:
        """(K,) stamps."""
        if self._times_us is None:
            times: list[int] = []
            for chunk in range(len(self._bag)):
                for place, data in enumerate(self._messages(chunk)):
                    times.append(_image_time_us(data))
                    self._places.append((chunk, place))
            self._times_us = np.array(times, np.int64)
        return self._times_us

    def read(self, number: int) -> Frame | None:
        """Return one image; None if it is damaged, or not of 8 bits."""
        chunk, place = self._places[number]
        if chunk != self._chunk:  # unpacked once for all of its images, which follow one another
            self._chunk, self._held = chunk, dict(enumerate(self._messages(chunk)))
        try:
            return ros_messages.decode_image(self._held[place])
        except (ros_messages.MessageError, KeyError):
            return None

    def _messages(self, chunk: int) -> Iterator[bytes | bytearray]:
        try:
            for _, data in self._bag.messages(chunk, (self._connection.id,)):
                yield data
        except BagError:
            return
