"""Scene and Stats: what the pipeline shows of a stream."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from app.timing import Quantiles
from events.packet import EventPacket
from models.results import Prediction

STAGES = ("represent", "infer", "decode", "total")


class PipelineState(enum.Enum):
    """Where a pipeline stands; the legal moves are in app.lifecycle."""

    IDLE = "idle"
    OPENING = "opening"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLatency:
    """How long one window spent where, in milliseconds."""

    represent_ms: float = 0.0
    infer_ms: float = 0.0
    decode_ms: float = 0.0

    @property
    def total_ms(self) -> float:
        """Sum of the stages; waiting is in Scene.age_ms."""
        return self.represent_ms + self.infer_ms + self.decode_ms

    def by_stage(self) -> dict[str, float]:
        """Return milliseconds by the names in STAGES."""
        return {
            "represent": self.represent_ms,
            "infer": self.infer_ms,
            "decode": self.decode_ms,
            "total": self.total_ms,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """One window and what the engine said of it."""

    index: int
    """Number of the window since the stream began, or since its windows were changed."""
    packet: EventPacket
    """The window's events after the filters; its span is the window's."""
    is_partial: bool
    """Whether the stream ended, or jumped, before the window was full."""
    prediction: Prediction | None
    """None without an engine, or where it failed."""
    latency: StageLatency
    age_ms: float
    """Wall time from receiving the window's last events to this scene: waiting and all stages."""
    engine_name: str = ""
    provider: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The pipeline's account of itself, for the HUD and for summaries."""

    state: PipelineState = PipelineState.IDLE
    clock_us: int = 0
    """Event time up to which packets were read."""
    event_rate: float = 0.0
    """Events per event second as received."""
    filtered_rate: float = 0.0
    """Events per event second after the filters."""
    windows_asked_per_s: float = 0.0
    """Windows that the stream completed, per wall second."""
    windows_done_per_s: float = 0.0
    """Windows that became scenes, per wall second."""
    latency: dict[str, Quantiles] = field(default_factory=dict)
    """By the names in STAGES, over the last windows."""
    age: Quantiles = field(default_factory=Quantiles)
    """Scene.age_ms over the last windows."""
    num_events: int = 0
    num_filtered: int = 0
    """Events that the filters removed."""
    num_gathered: int = 0
    """Events that the next window has so far, where windows have a number of them."""
    num_windows: int = 0
    """Windows that became scenes."""
    num_dropped_windows: int = 0
    """Windows replaced by newer ones before the engine was free: live streams only."""
    num_lost_events: int = 0
    """Lost before they came here: by the camera, the network, or damage on disk."""
    num_engine_failures: int = 0
    num_fallbacks: int = 0
    """How often the engine's device was lost and the CPU went on."""
    backlog_events: int = 0
    engine_name: str = ""
    provider: str = ""
    """What really runs the engine; empty without one."""
    message: str = ""
    """One line from the source, such as "reconnecting in 2 s"."""
