"""The index of an AEDAT4 file: where every packet is, and (from the file's own table) when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from events.recordings import flatbuffer
from events.recordings.aedat4_scan import HEADER_BYTES
from events.recordings.compression import Buffer, Compression, decompress

MAX_INDEX_BYTES = 1 << 30

ENTRY_DTYPE: np.dtype[np.void] = np.dtype(
    {
        "names": ["stream_id", "size", "position", "num_elements", "start_us", "end_us"],
        "formats": ["<i4", "<i4", "<i8", "<i8", "<i8", "<i8"],
        "offsets": [4, 8, 12, 20, 28, 36],
        "itemsize": 48,
    }
)
"""One packet: ``position`` of its payload, ``size`` on disk, first and last time."""

_FIELDS = {
    "position": (0, "<i8"),
    "packet": (1, "<u8"),
    "num_elements": (2, "<i8"),
    "start_us": (3, "<i8"),
    "end_us": (4, "<i8"),
}


class IndexDamaged(ValueError):  # noqa: N818
    """The file's own table is not there, or cannot be true; the message says which."""


@dataclass(frozen=True, slots=True)
class Entries:
    """The packets of a file in the order of the file."""

    rows: npt.NDArray[np.void]
    """(N,) of ENTRY_DTYPE."""
    has_times: bool
    """Whether times and numbers of elements are known, from the file's own table."""

    def of_stream(self, stream_id: int) -> npt.NDArray[np.int64]:
        """Return the ordinals of a stream's packets."""
        return np.flatnonzero(self.rows["stream_id"] == stream_id)


def read_index(
    data: Buffer,
    compression: Compression,
    first_position: int,
    index_position: int,
    event_stream: int,
) -> Entries:
    """Return the packets that a file's own table names.

    Args:
        data: The bytes from ``index_position`` to the file's end.
        compression: Of the file.
        first_position: Where the first packet's header is.
        index_position: Where the last packet ends.
        event_stream: Id of the stream of events, whose times must be in order; -1 without one.

    Raises:
        IndexDamaged: The table does not decompress, or does not account for every byte between the
            two positions.
    """
    try:
        table = decompress(data, compression, MAX_INDEX_BYTES)
        if flatbuffer.identifier(table) != b"FTAB":
            raise IndexDamaged("corrupt")
        columns = flatbuffer.read_tables(table, _FIELDS)
    except ValueError:
        raise IndexDamaged("corrupt") from None
    rows = np.zeros(len(columns), ENTRY_DTYPE)
    rows["stream_id"] = (columns["packet"] & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    rows["size"] = (columns["packet"] >> 32).astype(np.uint32).view(np.int32)
    for name in ("position", "num_elements", "start_us", "end_us"):
        rows[name] = columns[name]
    rows = rows[np.argsort(rows["position"], kind="stable")]
    _check(rows, first_position, index_position, event_stream)
    return Entries(rows, True)


def write_index(rows: npt.NDArray[np.void]) -> bytes:
    """Return the table of (N,) ``rows`` of ENTRY_DTYPE, not compressed."""
    numbers = {name: number for name, (number, _) in _FIELDS.items() if name != "packet"}
    return flatbuffer.write_tables(b"FTAB", rows, numbers | {"stream_id": 1})


def entries_of_scan(found: list[tuple[int, int, int]]) -> npt.NDArray[np.void]:
    """Return rows without times for the (position, size, stream id) of a scan."""
    rows = np.zeros(len(found), ENTRY_DTYPE)
    if found:
        columns = np.array(found, np.int64)
        rows["position"], rows["size"], rows["stream_id"] = columns.T
    return rows


def _check(
    rows: npt.NDArray[np.void], first_position: int, index_position: int, event_stream: int
) -> None:
    edges = np.append(rows["position"] - HEADER_BYTES, index_position)
    ends = np.concatenate([[first_position], rows["position"] + rows["size"]])
    if (rows["size"] <= 0).any() or (rows["num_elements"] < 0).any() or (edges != ends).any():
        raise IndexDamaged("corrupt")
    times = rows[rows["stream_id"] == event_stream]
    start_us, end_us = times["start_us"], times["end_us"]
    in_order = (start_us[1:] >= start_us[:-1]).all() and (end_us[1:] >= end_us[:-1]).all()
    if not in_order or (end_us < start_us).any() or (start_us < 0).any():
        raise IndexDamaged("corrupt")
