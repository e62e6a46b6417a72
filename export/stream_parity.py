"""Parity of a streaming engine: window after window, against the model's pass over all of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from export.backends.backend import Engine
from export.parity import Grid, Pair, ParityReport, report_on, timed
from models.perception import Perception
from models.temporal.temporal import Temporal


def compare_stream(module: Perception, engine: Engine, windows: Iterable[Grid]) -> ParityReport:
    """Run an engine with a memory over consecutive windows; the offline causal pass is the truth.

    Args:
        module: In eval mode, on the CPU.
        engine: Made of it; its card streams.
        windows: (C, input_height, input_width) grids, a stride apart.

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
    module: Perception, temporal: Temporal, engine: Engine, windows: Iterable[Grid]
) -> Iterator[Pair]:
    started_s = time.perf_counter()
    kept: list[Grid] = []
    maps: list[list[Tensor]] = []
    for window in windows:
        kept.append(window)
        maps.append(module.encoded(torch.from_numpy(window)[None]))
    if not kept:
        return
    last = torch.stack([each[-1] for each in maps], dim=1)
    behind = temporal.sequence(last, torch.ones(last.shape[:2]))
    encoding_s = (time.perf_counter() - started_s) / len(kept)
    memory = engine.new_memory()
    for i, window in enumerate(kept):
        started_s = time.perf_counter()
        said = module.said([*maps[i][:-1], behind[:, i]])
        expected = {name: value.float().numpy() for name, value in said.items()}
        model_s = encoding_s + time.perf_counter() - started_s
        found, engine_s = timed(engine, window, memory)
        yield Pair(expected, found, model_s, engine_s)
