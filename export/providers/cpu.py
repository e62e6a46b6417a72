"""The CPU through ONNX Runtime, tuned for a desktop that must stay responsive."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.providers.provider import Arithmetic, Setup
from models.card import ModelCard

RUNTIME_NAME = "CPUExecutionProvider"
STAND_INS: tuple[str, ...] = ()
MAX_THREADS = 2
ERRORS_ONLY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a session uses the cores; `saccade bench --only engine` times the alternatives."""

    num_threads: int | None = None
    """Of one operator; None is 2, or 1 on a single core: the others draw, read and represent."""
    spins: bool = False
    """Whether threads wait for work by turning: quicker alone, far slower beside a busy core."""
    dynamic_block_base: int = 4
    """Into how many ever smaller parts a thread's share is cut, so that one held up by another
    program is helped by the rest; 0 cuts once."""
    has_arena: bool = True
    """Whether memory is kept between runs; without, each run asks the system for it."""

    def __post_init__(self) -> None:
        if self.num_threads is not None and self.num_threads < 1:
            raise ValueError(f"num_threads must be at least 1, got {self.num_threads}")
        if self.dynamic_block_base < 0:
            raise ValueError(
                f"dynamic_block_base must be at least 0, got {self.dynamic_block_base}"
            )

    def session_options(self) -> Any:
        """Return ONNX Runtime's SessionOptions; also for what a GPU leaves to the CPU."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        options.intra_op_num_threads = self.num_threads or min(MAX_THREADS, os.cpu_count() or 1)
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.enable_cpu_mem_arena = self.has_arena
        entries = {
            "session.intra_op.allow_spinning": str(int(self.spins)),
            "session.dynamic_block_base": str(self.dynamic_block_base),
        }
        for key, value in entries.items():
            options.add_session_config_entry(key, value)
        return options


def problem() -> str | None:
    """Return None: a CPU is always there."""
    return None


def arithmetic(card: ModelCard) -> Arithmetic:
    """Return what the engine was made in."""
    return card.precision


def setup(path: Path, card: ModelCard, *, uses_graph: bool = False) -> Setup:
    """Open the file as it is; the threads are in ``Config``."""
    return Setup(path=path)
