"""Runs of a graph that is no engine yet: on the CPU, over grids, with any tensor as an output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from export.onnx_shapes import DTYPES, ELAPSED, GRID, MEMORY, NEXT_MEMORY
from export.providers import cpu

Grid = npt.NDArray[np.float32]
Tensors = dict[str, npt.NDArray[Any]]


def run_graph(
    model: onnx.ModelProto, grids: Iterable[Grid], tensors: Sequence[str] = ()
) -> Iterator[Tensors]:
    """Yield the outputs, and ``tensors`` of the inside, of each (C, H, W) grid in its turn.

    A graph that remembers is given what it remembered, as of one stream.
    """
    wanted = onnx.ModelProto()
    wanted.CopyFrom(model)
    given = {item.name for item in model.graph.input}
    known = {item.name for item in model.graph.output} | given
    wanted.graph.output.extend(onnx.ValueInfoProto(name=t) for t in tensors if t not in known)
    session = onnxruntime.InferenceSession(
        wanted.SerializeToString(),
        cpu.Config().session_options(),
        providers=["CPUExecutionProvider"],
    )
    names = [item.name for item in session.get_outputs()]
    held: Tensors = {
        item.name: np.zeros(item.shape, DTYPES[item.type])
        for item in session.get_inputs()
        if item.name.startswith(MEMORY)
    }
    if held:
        held[ELAPSED] = np.ones(1, np.float32)
    for grid in grids:
        feeds = {GRID: grid[None], **held}
        found: Tensors = dict(zip(names, session.run(names, feeds), strict=True))
        for name in held:
            if name.startswith(MEMORY):
                held[name] = found[NEXT_MEMORY + name.removeprefix(MEMORY)]
        yield {**feeds, **found}
