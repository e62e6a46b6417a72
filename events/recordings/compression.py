"""The compressions of AEDAT4 packets: bounded in memory whatever the bytes say.

LZ4 frames are taken apart here and their blocks handed to ``lz4.block``: three times as fast as
``lz4.frame.decompress``, which guesses the output's size and grows it; and no frame can ask for
more than its blocks hold.
Format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterator

import lz4.block
import lz4.frame
import zstandard

MAX_PACKET_BYTES = 1 << 27
"""128 MiB, 8 million events: more than any packet holds, so more is damage."""

LZ4_MAGIC = b"\x04\x22\x4d\x18"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_LZ4_BLOCK_BYTES = {4: 1 << 16, 5: 1 << 18, 6: 1 << 20, 7: 1 << 22}
_LZ4_HISTORY_BYTES = 1 << 16


class CompressionError(ValueError):
    """The bytes do not decompress, or into too much."""


class Compression(enum.IntEnum):
    """As numbered in the file's header."""

    NONE = 0
    LZ4 = 1
    LZ4_HIGH = 2
    ZSTD = 3
    ZSTD_HIGH = 4

    @property
    def magic(self) -> bytes:
        """What every packet's payload starts with; empty where nothing is compressed."""
        if self is Compression.NONE:
            return b""
        return LZ4_MAGIC if self in (Compression.LZ4, Compression.LZ4_HIGH) else ZSTD_MAGIC


def decompress(data: bytes, compression: Compression, max_bytes: int = MAX_PACKET_BYTES) -> bytes:
    """Return what ``data`` holds.

    Raises:
        CompressionError: The bytes are damaged, cut short, or hold more than ``max_bytes``.
    """
    chunks = decompress_chunks(data, compression, max_bytes)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def decompress_chunks(
    data: bytes, compression: Compression, max_bytes: int = MAX_PACKET_BYTES
) -> list[bytes]:
    """Return what ``data`` holds in pieces, which saves a copy; see ``decompress``."""
    if compression is Compression.NONE:
        return [data]
    if compression.magic == LZ4_MAGIC:
        return _lz4_blocks(data, max_bytes)
    try:
        size = zstandard.frame_content_size(data)
        if size > max_bytes:
            raise CompressionError(f"packet wants {size} bytes, the limit is {max_bytes}")
        if size >= 0:
            return [zstandard.ZstdDecompressor().decompress(data)]
    except zstandard.ZstdError as error:
        raise CompressionError(str(error)) from None
    return _limited(_zstd_chunks(data), max_bytes)


def decompress_start(data: bytes, compression: Compression, num_bytes: int) -> bytes:
    """Return the first ``num_bytes`` or more of what ``data`` holds, and seldom all of it."""
    if compression is Compression.NONE:
        return data[:num_bytes]
    if compression.magic == LZ4_MAGIC:
        return b"".join(_lz4_blocks(data, MAX_PACKET_BYTES, num_bytes))
    return next(_zstd_chunks(data, num_bytes), b"")


def compressor(compression: Compression) -> Callable[[bytes], bytes]:
    """Return the function that compresses one packet."""
    if compression is Compression.NONE:
        return bytes
    if compression in (Compression.LZ4, Compression.LZ4_HIGH):
        level = 0 if compression is Compression.LZ4 else 9
        # One block of 256 KiB holds a packet: blocks that follow another decode slower.
        return functools.partial(
            lz4.frame.compress, compression_level=level, block_size=lz4.frame.BLOCKSIZE_MAX256KB
        )
    level = 3 if compression is Compression.ZSTD else 19
    return zstandard.ZstdCompressor(level=level).compress


def _limited(chunks: Iterator[bytes], max_bytes: int) -> list[bytes]:
    parts, size = [], 0
    for part in chunks:
        size += len(part)
        if size > max_bytes:
            raise CompressionError(f"packet holds more than {max_bytes} bytes, the limit")
        parts.append(part)
    return parts


def _zstd_chunks(data: bytes, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
    try:
        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            while chunk := reader.read(chunk_bytes):
                yield chunk
    except zstandard.ZstdError as error:
        raise CompressionError(str(error)) from None


def _lz4_blocks(data: bytes, max_bytes: int, enough: int | None = None) -> list[bytes]:
    """Return the blocks of one LZ4 frame, the first ones that hold ``enough`` bytes if given."""
    block_bytes, is_linked, position, num_between = _lz4_frame(data[:6])
    blocks: list[bytes] = []
    history, num_done = b"", 0
    view, unpack = memoryview(data), lz4.block.decompress
    try:
        while size := int.from_bytes(view[position : position + 4], "little"):
            position += 4
            is_raw, size = size >> 31, size & 0x7FFFFFFF
            packed = view[position : position + size]
            if len(packed) < size or size > block_bytes:
                raise CompressionError(f"LZ4 block of {size} bytes overruns its frame")
            block = bytes(packed) if is_raw else unpack(packed, block_bytes, False, history)
            blocks.append(block)
            num_done += len(block)
            if num_done > max_bytes:
                raise CompressionError(f"packet holds more than {max_bytes} bytes, the limit")
            if enough is not None and num_done >= enough:
                return blocks
            if is_linked:
                history = block if len(block) >= _LZ4_HISTORY_BYTES else history + block
                history = history[-_LZ4_HISTORY_BYTES:]
            position += size + num_between
    except lz4.block.LZ4BlockError as error:
        raise CompressionError(f"LZ4 block at byte {position} is damaged: {error}") from None
    if position + 4 > len(data):
        raise CompressionError(f"LZ4 frame of {len(data)} bytes is cut short")
    return blocks


@functools.lru_cache(maxsize=16)
def _lz4_frame(start: bytes) -> tuple[int, bool, int, int]:
    """Return (largest block, whether blocks build on each other, first one's place, gap)."""
    if len(start) < 6 or start[:4] != LZ4_MAGIC:
        raise CompressionError(f"no LZ4 frame: it starts with {start[:4].hex(' ')}")
    flags, block_id = start[4], start[5] >> 4 & 7
    if flags >> 6 != 1 or block_id not in _LZ4_BLOCK_BYTES:
        raise CompressionError(f"LZ4 frame has version {flags >> 6} and block size {block_id}")
    first = 7 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0)
    return _LZ4_BLOCK_BYTES[block_id], not flags & 32, first, 4 if flags & 16 else 0
