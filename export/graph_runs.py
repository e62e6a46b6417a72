"""Runs of a graph that is no engine yet: on the CPU, with any tensor as an output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from export.onnx_shapes import DTYPES, ELAPSED, MEMORY, NEXT_MEMORY
from export.providers import cpu

Tensors = dict[str, npt.NDArray[Any]]
Feeds = Mapping[str, npt.NDArray[Any]]
"""What an engine takes of one window, by input: a grid with a batch of one, or raw events."""


Stream = Sequence[Feeds]
"""Windows that follow each other."""


def run_graph(
    model: onnx.ModelProto, streams: Iterable[Stream], tensors: Sequence[str] = ()
) -> Iterator[Tensors]:
    """Yield inputs, outputs and ``tensors`` of the inside, of each window in its turn.

    A graph that remembers is given what it remembered of the windows before in the stream.
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
    for stream in streams:
        held = _new_memory(session)
        for window in stream:
            feeds = {**window, **held}
            found: Tensors = dict(zip(names, session.run(names, feeds), strict=True))
            for name in held:
                if name.startswith(MEMORY):
                    held[name] = found[NEXT_MEMORY + name.removeprefix(MEMORY)]
            yield {**feeds, **found}


def _new_memory(session: onnxruntime.InferenceSession) -> Tensors:
    """Return what a stream's first window is given besides; nothing of a graph without memory."""
    memory: Tensors = {
        item.name: np.zeros(item.shape, DTYPES[item.type])
        for item in session.get_inputs()
        if item.name.startswith(MEMORY)
    }
    return memory | {ELAPSED: np.ones(1, np.float32)} if memory else memory
