"""Decompression: whatever frame a writer chose comes back whole, or is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import lz4.frame
import numpy as np
import pytest

from events.recordings.compression import (
    Compression,
    CompressionError,
    compressor,
    decompress,
    decompress_start,
)


def payload(num_bytes: int, seed: int = 0) -> bytes:
    """Bytes that compress by about a half."""
    return np.random.default_rng(seed).integers(0, 16, num_bytes).astype(np.uint8).tobytes()


@pytest.mark.parametrize("kind", Compression)
@pytest.mark.parametrize("data", [b"", payload(200_000), bytes(3_000_000)], ids=len)
def test_what_was_compressed_comes_back(kind: Compression, data: bytes) -> None:
    packed = compressor(kind)(data)
    assert decompress(packed, kind) == data
    start = decompress_start(packed, kind, 64)
    assert start == data[: len(start)]
    assert len(start) >= min(64, len(data))


@pytest.mark.parametrize("is_linked", [True, False])
@pytest.mark.parametrize("block_size", range(4, 8))
def test_lz4_frames_of_every_block_size_are_read(block_size: int, is_linked: bool) -> None:
    data = payload(1_000_000) + bytes(5_000_000)
    packed = lz4.frame.compress(
        data, block_size=block_size, block_linked=is_linked, content_checksum=True
    )
    assert decompress(packed, Compression.LZ4) == data


def test_an_lz4_frame_cut_anywhere_is_refused_and_harms_no_later_one() -> None:
    data = payload(150_000)
    packed = compressor(Compression.LZ4)(data)
    for stop in [*range(20), *range(20, len(packed), 997), len(packed) - 4, len(packed) - 1]:
        with pytest.raises(CompressionError):
            decompress(packed[:stop], Compression.LZ4)
        assert decompress(packed, Compression.LZ4) == data


def test_a_packet_of_the_limit_is_read_and_one_byte_more_refused() -> None:
    packed = compressor(Compression.LZ4)(bytes(100_000))
    assert len(decompress(packed, Compression.LZ4, 100_000)) == 100_000
    with pytest.raises(CompressionError, match="limit"):
        decompress(packed, Compression.LZ4, 99_999)


def test_threads_decompress_at_once() -> None:
    datas = [payload(300_000, seed) for seed in range(16)]
    packed = [compressor(Compression.LZ4)(data) for data in datas]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda frame: decompress(frame, Compression.LZ4), packed * 4))
    assert found == datas * 4
