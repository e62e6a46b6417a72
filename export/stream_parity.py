"""Parity of a streaming engine: window after window, against the model's pass over all of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from events.packet import EventPacket
from export.answer import Answer
from export.backends.backend import Engine
from export.backends.eager import EagerEngine
from export.parity import Grid, Pair, ParityReport, report_on, timed
from models.perception import Perception
from models.temporal.temporal import Temporal

Window = Grid | EventPacket


def compare_stream(module: Perception, engine: Engine, windows: Iterable[Window]) -> ParityReport:
    """Run an engine with a memory over consecutive windows; the offline causal pass is the truth.

    Args:
        module: In eval mode, on the CPU.
        engine: Made of it; its card streams.
        windows: (C, input_height, input_width) grids, or raw events where the engine takes those,
            a stride apart.

    Raises:
        ValueError: there are no windows, or the module remembers nothing.
    """
    if module.temporal is None:
        raise ValueError(
            f"{engine.card.name} remembers earlier windows and its model does not: give the model "
            "that the engine was exported from"
        )
    return report_on(
        _pairs(module, module.temporal, engine, windows), engine.provider, is_relative=True
    )


@torch.inference_mode()
def _pairs(
    module: Perception, temporal: Temporal, engine: Engine, windows: Iterable[Window]
) -> Iterator[Pair]:
    started_s = time.perf_counter()
    model = EagerEngine(module, engine.card)
    kept: list[Window] = []
    maps: list[list[Tensor]] = []
    for window in windows:
        kept.append(window)
        grid = model.stage(window) if isinstance(window, EventPacket) else window
        assert isinstance(grid, np.ndarray)  # on the CPU that is what raw events become
        maps.append(module.encoder_maps(torch.from_numpy(grid)[None]))
    if not kept:
        return
    last = torch.stack([each[-1] for each in maps], dim=1)
    behind = temporal.sequence(last, torch.ones(last.shape[:2]))
    encoding_s = (time.perf_counter() - started_s) / len(kept)
    answer = Answer(engine.card, module.outputs_of([*maps[0][:-1], behind[:, 0]]))
    memory = engine.new_memory()
    for i, window in enumerate(kept):
        started_s = time.perf_counter()
        answers = answer(module.outputs_of([*maps[i][:-1], behind[:, i]]))
        expected = {name: value.numpy() for name, value in zip(answer.names, answers, strict=True)}
        model_s = encoding_s + time.perf_counter() - started_s
        found, engine_s = timed(engine, window, memory)
        yield Pair(expected, found, model_s, engine_s)
