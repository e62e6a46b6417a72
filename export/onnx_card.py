"""The card inside an ONNX file, read without ONNX Runtime and before anything else is believed.

Source of the layout: ModelProto of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from export.backends.backend import EngineError
from models.card import METADATA_KEY, CardError, ModelCard

GRAPH_FIELD, METADATA_FIELD = 7, 14
KEY_FIELD, VALUE_FIELD = 1, 2
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED_SIZES = {FIXED64: 8, FIXED32: 4}


class MalformedError(ValueError):
    """The bytes are not the protobuf message that they should be."""


def read_card(path: Path) -> ModelCard:
    """Return the card of an ONNX engine.

    Raises:
        EngineError: the file is missing, damaged, of another program, or of a newer Saccade.
    """
    if not path.exists():
        raise EngineError(
            f"no engine file {path}: check the name, or make one with `saccade export`"
        )
    if not path.is_file():
        raise EngineError(f"{path} is not a file: give an engine made by `saccade export`")
    if not path.stat().st_size:
        raise EngineError(f"{path} is empty: export the engine again")
    try:
        metadata = _metadata(path)
    except MalformedError as error:
        raise EngineError(
            f"{path} is not an ONNX file, or a damaged one ({error}): export it again"
        ) from None
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}") from None
    if METADATA_KEY not in metadata:
        raise EngineError(
            f"{path} is an ONNX file of another program: it has no Saccade card; "
            "use one made by `saccade export`"
        )
    try:
        return ModelCard.from_json(metadata[METADATA_KEY])
    except CardError as error:
        raise EngineError(f"{path}: {error}") from None


def _metadata(path: Path) -> dict[str, str]:
    """Return the file's metadata properties."""
    found: dict[str, str] = {}
    has_graph = False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for number, start, end in _fields(data, 0, len(data)):
            has_graph |= number == GRAPH_FIELD
            if number == METADATA_FIELD:
                parts = {key: data[a:b] for key, a, b in _fields(data, start, end)}
                try:
                    key = parts.get(KEY_FIELD, b"").decode()
                    found[key] = parts.get(VALUE_FIELD, b"").decode()
                except UnicodeDecodeError:
                    raise MalformedError("its metadata is not text") from None
    if not has_graph:
        raise MalformedError("no graph in it")
    return found


def _fields(data: mmap.mmap, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (field number, start, end of the value) of one protobuf message."""
    while position < end:
        tag, position = _varint(data, position, end)
        number, kind = tag >> 3, tag & 7
        if not number:
            raise MalformedError(f"no field begins at byte {position}")
        if kind == VARINT:
            _, stop = _varint(data, position, end)
        elif kind == BYTES:
            size, position = _varint(data, position, end)
            stop = position + size
        elif kind in FIXED_SIZES:
            stop = position + FIXED_SIZES[kind]
        else:
            raise MalformedError(f"unknown wire type {kind} at byte {position}")
        if stop > end:
            raise MalformedError(f"it ends at byte {end}, a field needs {stop}: truncated")
        yield number, position, stop
        position = stop


def _varint(data: mmap.mmap, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 64:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise MalformedError(f"a number at byte {position} has no end")
