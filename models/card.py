"""ModelCard: all that is needed to run a network on events; saved with weights and engines."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from events.representations.representation import Spec, describe_spec, make_spec

SCHEMA_VERSION = 3
ADDED_BY_SCHEMA = {
    2: "representations other than voxel grids",
    3: "memory, raw events, open sizes, precision, parity figures",
}
"""What cards of each schema can say that older ones cannot: those mean the defaults below, which
are what engines were before."""
PRECISIONS = ("fp32", "fp16", "int8")
TOKENS = "tokens"
"""A bare encoder's one output."""
LABELS, DEPTH_M = "segmentation_labels", "depth_m"
"""Names of outputs that the engine itself has decoded."""
METADATA_KEY = "saccade"
"""Key of the card's JSON in safetensors' and ONNX's metadata."""


class CardError(ValueError):
    """A model's metadata is missing, of another program, or asks for what is not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a network is fed and what its outputs mean.

    The engine's one input is ``events``, (1, C, input_height, input_width) float32: ``spec`` of
    the window [end - window_us, end), letterboxed from the sensor (see Letterbox).
    Its outputs are those of ``recognition`` (1, K) logits, ``segmentation`` (1, S, h, w) logits
    and ``depth`` (1, 1, h, w) metres whose task is listed in ``tasks``; h and w divide the input's.
    Where there are no tasks it is a bare encoder with the output ``tokens`` (1, D, h, w): its final
    normalised tokens.
    """

    name: str
    spec: Spec
    window_us: int
    stride_us: int
    """Distance of windows that the network is meant to run at; any other is allowed."""
    input_height: int
    input_width: int
    resize: Literal["letterbox"] = "letterbox"
    """How the sensor's picture is brought to the input's size."""
    tasks: tuple[str, ...]
    recognition_labels: tuple[str, ...] = ()
    segmentation_labels: tuple[str, ...] = ()
    palette: tuple[tuple[int, int, int], ...] = ()
    """Red, green and blue of each segmentation label, for programs that draw them; Saccade itself
    gives a label the same colour whatever the engine (models.palette)."""
    depth_range_m: tuple[float, float] = (0.25, 40.0)
    """Least and largest depth that the network can say."""
    encoder: dict[str, Any] = field(default_factory=dict)
    """The encoder's file name under ``kind``, and its Config; rebuilds the module."""
    temporal: dict[str, Any] = field(default_factory=dict)
    """The same of what stands in models/temporal behind the encoder's tokens; empty for nothing."""
    heads: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of tasks whose head is not the file of models/heads with the task's name: its file under
    ``kind``, and its sizes."""
    is_streaming: bool = False
    """Whether the temporal part remembers earlier windows. An engine then also takes ``elapsed``
    (1,) float32, strides since the window before, and ``memory_*``, and gives ``next_memory_*``."""
    max_gap_us: int = 1_000_000
    """Longest time between the ends of two windows after which a stream's memory still counts."""
    input: Literal["grid", "events"] = "grid"
    """What an engine takes: ``events`` as above, or a window's raw events, of which it makes the
    representation itself; then ``t``, ``x``, ``y`` and ``p``, (N,) int32 each: microseconds since
    the window's start, pixels of ``sensor``, 0 or 1, and -1 in all four where a row is padding."""
    sensor: tuple[int, int] | None = None
    """Width and height of the sensor whose raw events an engine takes; None for grids."""
    is_decoded: bool = False
    """Whether an engine of raw events says at the sensor's pixels what Saccade would work out:
    ``segmentation_labels`` (1, H, W) uint8 in place of ``segmentation``, and ``depth_m`` (1, H, W)
    float16 in place of ``depth``."""
    is_dynamic: bool = False
    """Whether an engine takes any batch and any input size that the encoder can take."""
    size_multiple: int = 1
    """Of a dynamic engine: what its input's height and width must be multiples of, in pixels."""
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    """What an engine computes in; its inputs and outputs are float32 whatever it is."""
    parity: dict[str, Any] = field(default_factory=dict)
    """How far an engine was from its model when it was made: see export.parity."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """How it was made: recipe, command, data, seed and revision; figures, where measured."""
    schema_version: int = SCHEMA_VERSION
    """Of the file that the card was read from; it is always written as the newest."""

    def __post_init__(self) -> None:
        for name in (
            "window_us",
            "stride_us",
            "input_height",
            "input_width",
            "max_gap_us",
            "size_multiple",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.resize != "letterbox":
            raise ValueError(f"resize must be 'letterbox', got {self.resize!r}")
        for name, choices in (("input", ("grid", "events")), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}"
                )
        if (self.input == "events") != (self.sensor is not None):
            raise ValueError(
                f"a sensor goes with raw events and only with them, got input {self.input!r} "
                f"and sensor {self.sensor}"
            )
        if self.is_decoded and self.sensor is None:
            raise ValueError("is_decoded needs a sensor, and so an engine of raw events; got none")
        if self.is_streaming and not self.temporal:
            raise ValueError("is_streaming needs a temporal part, got none")
        if not 0 < self.depth_range_m[0] < self.depth_range_m[1]:
            raise ValueError(f"depth_range_m must rise from above 0, got {self.depth_range_m}")
        if self.palette and len(self.palette) != len(self.segmentation_labels):
            raise ValueError(
                f"palette must have a colour for each of {len(self.segmentation_labels)} "
                f"segmentation labels, got {len(self.palette)}"
            )

    @property
    def title(self) -> str:
        """How the user is told what runs: the name, and a precision that is not the model's."""
        return self.name if self.precision == "fp32" else f"{self.name} {self.precision}"

    @property
    def says(self) -> tuple[str, ...]:
        """What the engine says of a window, whatever its outputs' names: tasks, or tokens."""
        return self.tasks or (TOKENS,)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the engine's outputs, in order."""
        decoded = {"segmentation": LABELS, "depth": DEPTH_M} if self.is_decoded else {}
        return tuple(decoded.get(name, name) for name in self.says)

    @property
    def notes(self) -> tuple[str, ...]:
        """What users of an engine with this card must know, one line each."""
        if self.schema_version == SCHEMA_VERSION:
            return ()
        unsaid = [text for since, text in ADDED_BY_SCHEMA.items() if since > self.schema_version]
        return (
            f"{self.name} was made by an older Saccade (schema {self.schema_version}, now "
            f"{SCHEMA_VERSION}), which could not say: {', '.join(unsaid)}; export it again",
        )

    def to_json(self) -> str:
        """Return the card as JSON text."""
        values = dataclasses.asdict(self)
        values |= {"spec": describe_spec(self.spec), "schema_version": SCHEMA_VERSION}
        return json.dumps(values, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> ModelCard:
        """Read a card.

        Raises:
            CardError: the text is not a card, or one of a newer Saccade.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise CardError(f"the model's metadata is not JSON: {error}") from None
        version = values.get("schema_version") if isinstance(values, dict) else None
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise CardError(
                f"the model's metadata is not Saccade's: its schema_version is {version!r}, not a "
                f"number from 1 to {SCHEMA_VERSION}; take a file made by Saccade"
            )
        if version > SCHEMA_VERSION:
            raise CardError(
                f"the model's metadata has schema {version}, this Saccade reads up to "
                f"{SCHEMA_VERSION}: update Saccade, or export the model again with this one"
            )
        known = {item.name for item in dataclasses.fields(ModelCard)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise CardError(
                f"the model's metadata has unknown fields {', '.join(unknown)}: export it again"
            )
        try:
            values["spec"] = make_spec(values["spec"])
            values["palette"] = tuple(tuple(color) for color in values.get("palette", ()))
            for key in (
                "tasks",
                "recognition_labels",
                "segmentation_labels",
                "depth_range_m",
                "sensor",
            ):
                if values.get(key) is not None:
                    values[key] = tuple(values[key])
            return ModelCard(**values)
        except (TypeError, KeyError, ValueError, IndexError) as error:
            raise CardError(f"the model's metadata cannot be honoured: {error}") from None
