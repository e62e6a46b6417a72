"""The file of a TensorRT engine: a header that says what it is, the plan, and the ONNX it is of.

A plan runs on one library's version and on few GPUs, and says little of itself, so everything is
checked by the header before a plan meets TensorRT. The ONNX is kept inside: the same file runs on
the CPU when the GPU is lost, and is built again where the plan does not fit. Read without TensorRT.

    8 bytes   magic
    4 bytes   schema version, little-endian, as are all numbers
    4 bytes   length of the header
    32 bytes  SHA-256 of the header
    header    JSON: what the plan depends on, the card, lengths, the plan's SHA-256
    plan      of TensorRT
    ONNX      whose SHA-256 stands in what the plan depends on
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from export.backends.backend import EngineError
from models.card import CardError, ModelCard

MAGIC = b"SACCTRT\n"
SCHEMA_VERSION = 1
START = struct.Struct("<8sII32s")

Shape = tuple[int, ...]
Profile = dict[str, tuple[Shape, Shape, Shape]]
"""Least, usual and largest shape of each input that has no fixed one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanKey:
    """All that a plan depends on: where one of these differs, the plan is another."""

    onnx_sha256: str
    library: str
    """Its name, such as "TensorRT-RTX"."""
    version: str
    """The library's."""
    compute_capabilities: tuple[str, ...]
    """GPUs that the plan runs on, such as "8.6"."""
    profile: Profile = dataclasses.field(default_factory=dict)
    precision: str

    @property
    def digest(self) -> str:
        """One name for all of it."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFile:
    """An engine file whose header has been read and believed."""

    path: Path
    key: PlanKey
    card: ModelCard
    plan_sha256: str
    plan_bytes: int
    onnx_bytes: int
    plan_start: int
    """Where in the file the plan begins."""

    def read_plan(self) -> bytes:
        """Return the plan; EngineError where it is not the one that was written."""
        return self._part(self.plan_start, self.plan_bytes, self.plan_sha256, "plan")

    def read_onnx(self) -> bytes:
        """Return the ONNX; EngineError where it is not the one that was written."""
        start = self.plan_start + self.plan_bytes
        return self._part(start, self.onnx_bytes, self.key.onnx_sha256, "ONNX")

    def check(self) -> None:
        """Read all of it; EngineError where it is not what was written."""
        self.read_plan()
        self.read_onnx()

    def _part(self, start: int, size: int, sha256: str, name: str) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                content = file.read(size)
        except OSError as error:
            raise EngineError(f"cannot read {self.path}: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise EngineError(f"{self.path} is damaged in its {name}: export the engine again")
        return content


def write_engine(path: Path, key: PlanKey, card: ModelCard, plan: bytes, onnx: bytes) -> None:
    """Write an engine file; replaces ``path`` when complete.

    Raises:
        EngineError: the file cannot be written.
    """
    header = json.dumps(
        {
            "key": dataclasses.asdict(key),
            "card": card.to_json(),
            "plan_sha256": hashlib.sha256(plan).hexdigest(),
            "plan_bytes": len(plan),
            "onnx_bytes": len(onnx),
        },
        sort_keys=True,
    ).encode()
    start = START.pack(MAGIC, SCHEMA_VERSION, len(header), hashlib.sha256(header).digest())
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            for content in (start, header, plan, onnx):
                file.write(content)
        os.replace(part, path)
    except OSError as error:
        raise EngineError(f"cannot write {path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def read_engine(path: Path) -> EngineFile:
    """Read an engine file's header.

    Raises:
        EngineError: the file is missing, truncated, damaged, of another program or of a newer
            Saccade.
    """
    try:
        with path.open("rb") as file:
            return _engine(path, file, path.stat().st_size)
    except FileNotFoundError:
        raise EngineError(
            f"no engine file {path}: check the name, or make one with `saccade export`"
        ) from None
    except IsADirectoryError:
        raise EngineError(
            f"{path} is not a file: give an engine made by `saccade export`"
        ) from None
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}") from None


def _engine(path: Path, file: BinaryIO, num_bytes: int) -> EngineFile:
    start = file.read(START.size)
    if start[: len(MAGIC)] != MAGIC[: len(start)] or not start:
        raise EngineError(
            f"{path} is not a TensorRT engine of Saccade: use one made by `saccade export`, "
            "bare plans of other programs do not say what they compute"
        )
    if len(start) < START.size:
        raise _truncated(path, num_bytes, START.size)
    _, schema, header_bytes, header_sha256 = START.unpack(start)
    if schema > SCHEMA_VERSION:
        raise EngineError(
            f"{path} has engine schema {schema}, this Saccade reads up to {SCHEMA_VERSION}: "
            "update Saccade, or export the engine again"
        )
    if num_bytes < START.size + header_bytes:
        raise _truncated(path, num_bytes, START.size + header_bytes)
    header = file.read(header_bytes)
    if hashlib.sha256(header).digest() != header_sha256:
        raise EngineError(f"{path} is damaged in its header: export the engine again")
    found = _parsed(path, header)
    whole = found.plan_start + found.plan_bytes + found.onnx_bytes
    if num_bytes < whole:
        raise _truncated(path, num_bytes, whole)
    return found


def _parsed(path: Path, header: bytes) -> EngineFile:
    """Return what a header says; it is what was written, if not by this Saccade."""
    values = json.loads(header)
    key = values["key"]
    profile = {
        name: tuple(tuple(shape) for shape in shapes) for name, shapes in key["profile"].items()
    }
    key.update(compute_capabilities=tuple(key["compute_capabilities"]), profile=profile)
    try:
        card = ModelCard.from_json(values["card"])
    except CardError as error:
        raise EngineError(f"{path}: {error}") from None
    return EngineFile(
        path=path,
        key=PlanKey(**key),
        card=card,
        plan_sha256=values["plan_sha256"],
        plan_bytes=values["plan_bytes"],
        onnx_bytes=values["onnx_bytes"],
        plan_start=START.size + len(header),
    )


def _truncated(path: Path, num_bytes: int, expected: int) -> EngineError:
    return EngineError(
        f"{path} is truncated at {num_bytes} of {expected} bytes: copy or export it again"
    )
