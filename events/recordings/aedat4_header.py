"""The header of an AEDAT4 file: compression, where the index is, and the streams as XML.

Format: https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-4.0.html.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from xml.etree import ElementTree

from events.packet import SensorSize
from events.recordings import flatbuffer
from events.recordings.compression import Buffer, Compression
from events.recordings.recording import RecordingError, Stream

VERSION_LINE = b"#!AER-DAT4.0\r\n"
MAX_HEADER_BYTES = 1 << 24
KINDS = {"EVTS": "events", "FRME": "frames", "IMUS": "imu", "TRIG": "triggers"}
"""Our names of the types that we read."""

_NO_INDEX = -1
_PREFIX = struct.Struct("<II4s6xHHHHHiiIqI")
_INDEX_POSITION_AT = len(VERSION_LINE) + 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What stands before the first packet."""

    compression: Compression
    index_position: int | None
    """Byte at which the index starts; None where it was never written."""
    streams: tuple[Stream, ...]
    num_bytes: int
    """Length of the header: the first packet starts there."""


def read_header(start: Buffer, path: object) -> Header | int:
    """Return the header, or how many bytes of the file are needed to read it.

    Args:
        start: The first bytes of the file, at least 18 if it has so many.
        path: The file's name for messages.

    Raises:
        RecordingError: The header is damaged, cut short or of a kind that we do not read.
    """
    if not start.startswith(VERSION_LINE):
        raise RecordingError(f"{path} does not start with an AEDAT 4.0 version line")
    base = len(VERSION_LINE)
    if len(start) < base + 4:
        raise RecordingError(f"{path} is cut short: {len(start)} bytes, inside its header")
    num_bytes = base + 4 + int(struct.unpack_from("<I", start, base)[0])
    if num_bytes > MAX_HEADER_BYTES:
        raise RecordingError(
            f"{path} is damaged: its header claims {num_bytes:,} bytes, "
            f"the limit is {MAX_HEADER_BYTES:,}"
        )
    if len(start) < num_bytes:
        return num_bytes
    try:
        return _parse(start[base:num_bytes], num_bytes)
    except (ValueError, ElementTree.ParseError) as error:
        raise RecordingError(
            f"{path} is damaged in its header ({error}): nothing can be read"
        ) from None


def write_header(compression: Compression, streams: Sequence[Stream]) -> bytes:
    """Return the bytes of a header without an index."""
    info = _to_xml(compression, streams).encode() + b"\0"
    info += bytes(-len(info) % 4)
    length = len(info.rstrip(b"\0"))
    # Table at byte 28, index position at byte 40, text at byte 52: each aligned as its type needs.
    prefix = _PREFIX.pack(
        48 + len(info), 24, b"IOHE", 10, 20, 4, 12, 8, 10, compression, 12, _NO_INDEX, length
    )
    return VERSION_LINE + prefix + info


def index_position_bytes(position: int) -> tuple[int, bytes]:
    """Return where in a file by ``write_header`` the index's position stands, and its bytes."""
    return _INDEX_POSITION_AT, struct.pack("<q", position)


def _parse(buffer: Buffer, num_bytes: int) -> Header:
    if flatbuffer.identifier(buffer) != b"IOHE":
        raise ValueError("no IOHE table")
    table = flatbuffer.root(buffer)
    compression = Compression(table.scalar(0, "<i", 0))
    position = table.scalar(1, "<q", _NO_INDEX)
    start, length = table.vector(2, 1)
    streams = _from_xml(buffer[start : start + length].decode("utf-8", "replace"))
    return Header(
        compression=compression,
        index_position=position if position > 0 else None,
        streams=streams,
        num_bytes=num_bytes,
    )


def _from_xml(text: str) -> tuple[Stream, ...]:
    streams = []
    for node in ElementTree.fromstring(text).iterfind("./node[@name='outInfo']/node"):
        attributes = {item.get("key"): item.text or "" for item in node.iterfind("./attr")}
        info = {
            item.get("key"): item.text or "" for item in node.iterfind("./node[@name='info']/attr")
        }
        kind = attributes.get("typeIdentifier", "")
        sensor = None
        if "sizeX" in info and "sizeY" in info:
            sensor = SensorSize(int(info["sizeX"]), int(info["sizeY"]))
        streams.append(
            Stream(
                id=int(node.get("name", "")),
                kind=KINDS.get(kind, kind),
                name=attributes.get("originalOutputName", ""),
                camera=info.get("source", ""),
                sensor=sensor,
            )
        )
    if not streams:
        raise ValueError("no stream is declared")
    return tuple(streams)


def _to_xml(compression: Compression, streams: Sequence[Stream]) -> str:
    identifiers = {kind: letters for letters, kind in KINDS.items()}
    nodes = []
    for stream in streams:
        info = {"source": ("string", stream.camera)}
        if stream.sensor is not None:
            info |= {
                "sizeX": ("int", str(stream.sensor.width)),
                "sizeY": ("int", str(stream.sensor.height)),
            }
        path = f"/outInfo/{stream.id}/"
        about = {
            "compression": ("string", compression.name),
            "originalModuleName": ("string", "saccade"),
            "originalOutputName": ("string", stream.name),
            "typeDescription": ("string", stream.kind),
            "typeIdentifier": ("string", identifiers[stream.kind]),
        }
        nodes.append(
            f'<node name="{stream.id}" path="{path}">{_attributes(about)}'
            f'<node name="info" path="{path}info/">{_attributes(info)}</node></node>'
        )
    body = "\n".join(nodes)
    return f'<dv version="2.0">\n<node name="outInfo" path="/outInfo/">\n{body}\n</node>\n</dv>\n'


def _attributes(values: dict[str, tuple[str, str]]) -> str:
    return "".join(
        f'\n<attr key="{key}" type="{kind}">{escape(value, quote=False)}</attr>'
        for key, (kind, value) in values.items()
    )
