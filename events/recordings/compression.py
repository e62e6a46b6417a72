"""The compressions of AEDAT4 packets: bounded in memory whatever the bytes say.

LZ4 frames go through ``lz4.frame.decompress_chunk`` with room for all of them: six times as fast as
``lz4.frame.decompress``, which guesses the output's size and grows it.
"""

from __future__ import annotations

import enum
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import lz4.frame
import zstandard

MAX_PACKET_BYTES = 1 << 27
"""128 MiB, 8 million events: more than any packet holds, so more is damage."""

LZ4_MAGIC = b"\x04\x22\x4d\x18"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_USUAL_RATIO = 4
_LZ4_BLOCK_BYTES = 1 << 16

_LZ4_CHUNK_BYTES = 1 << 20
_KEPT_BYTES = 1 << 22
_threads = threading.local()

Buffer = bytes | bytearray


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


def decompress(data: Buffer, compression: Compression, max_bytes: int = MAX_PACKET_BYTES) -> Buffer:
    """Return what ``data`` holds.

    Raises:
        CompressionError: The bytes are damaged, cut short, or hold more than ``max_bytes``.
    """
    if compression is Compression.NONE:
        return data
    if compression.magic == LZ4_MAGIC:
        return _unpack_lz4(data, max_bytes)
    try:
        size = zstandard.frame_content_size(data)
        if size > max_bytes:
            raise CompressionError(f"packet wants {size} bytes, the limit is {max_bytes}")
        if size >= 0:
            return zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise CompressionError(str(error)) from None
    return b"".join(_limited(_zstd_chunks(data), max_bytes))


def decompressor(compression: Compression) -> Callable[[Buffer], Buffer]:
    """Return the function that decompresses one packet; see ``decompress``."""
    if compression.magic == LZ4_MAGIC:
        return _unpack_lz4
    return functools.partial(decompress, compression=compression)


def decompress_start(data: Buffer, compression: Compression, num_bytes: int) -> Buffer:
    """Return the first ``num_bytes`` of what ``data`` holds, or all where that is less."""
    if compression is Compression.NONE:
        return data[:num_bytes]
    if compression.magic == LZ4_MAGIC:
        return _lz4_chunk(_lz4_context(), data, num_bytes)[0]
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


def _limited(chunks: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    size = 0
    for part in chunks:
        size += len(part)
        if size > max_bytes:
            raise CompressionError(f"packet holds more than {max_bytes} bytes, the limit")
        yield part


def _zstd_chunks(data: Buffer, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
    try:
        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            while chunk := reader.read(chunk_bytes):
                yield chunk
    except zstandard.ZstdError as error:
        raise CompressionError(str(error)) from None


def _unpack_lz4(data: Buffer, max_bytes: int = MAX_PACKET_BYTES) -> bytes:
    """Return what one LZ4 frame holds."""
    context = _lz4_context()
    room = min(_LZ4_BLOCK_BYTES + _USUAL_RATIO * len(data), max_bytes)
    unpacked, num_read, is_whole = _lz4_chunk(context, data, room)
    if is_whole:
        return unpacked
    return b"".join(_lz4_rest(context, data, unpacked, num_read, max_bytes))


def _lz4_rest(
    context: Any, data: Buffer, unpacked: bytes, num_read: int, max_bytes: int
) -> Iterator[bytes]:
    """Yield ``unpacked``, and the rest of a frame that holds more than is usual."""
    left, is_whole = max_bytes, False
    yield unpacked
    while not is_whole:
        left -= len(unpacked)
        if not left:
            raise CompressionError(f"packet holds {max_bytes} bytes or more, the limit")
        if not (unpacked or num_read):
            raise CompressionError(f"LZ4 frame of {len(data)} bytes is cut short")
        data = data[num_read:]
        unpacked, num_read, is_whole = _lz4_chunk(context, data, min(left, _LZ4_CHUNK_BYTES))
        yield unpacked


def _lz4_chunk(context: Any, data: Buffer, room: int) -> tuple[bytes, int, bool]:
    """Return (at most ``room`` bytes, how many of ``data`` made them, whether the frame ended)."""
    try:
        return lz4.frame.decompress_chunk(context, data, room)  # type: ignore[no-any-return]
    except RuntimeError as error:
        raise CompressionError(f"LZ4 frame is damaged: {error}") from None


def _lz4_context() -> Any:
    """Return this thread's context, at the start of a frame."""
    context = getattr(_threads, "context", None)
    if context is None:
        context = _threads.context = lz4.frame.create_decompression_context()
        # glibc hands freed memory back to the kernel, and getting it anew for each packet costs a
        # quarter of the decoding. It keeps twice the largest block that was freed so far: this one.
        bytes(_KEPT_BYTES)
    lz4.frame.reset_decompression_context(context)
    return context
