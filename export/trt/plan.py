"""A plan that TensorRT has taken: what goes in and out, and its execution on given buffers."""

from __future__ import annotations

from typing import Any

import numpy as np

from export.backends.backend import EngineError
from export.trt.container import EngineFile
from export.trt.library import Library
from export.trt.messages import Messages

OPEN = -1
"""A length that is said before each execution."""


class Plan:
    """A deserialised plan with the one context that executes it.

    Args:
        library: The one that has built it, on a machine whose GPU it is for.
        file: Holds it.

    Raises:
        EngineError: TensorRT does not take it, or the GPU has too little memory for it.
    """

    def __init__(self, library: Library, file: EngineFile) -> None:
        self._library = library
        self._messages = Messages()
        logger = self._messages.logger(library.api)
        self._alive = (logger, library.api.Runtime(logger))  # as long as what they made
        self._engine = self._alive[1].deserialize_cuda_engine(file.read_plan())
        if self._engine is None:
            raise EngineError(
                f"{library} cannot run {file.path} here ({self._messages.last_error}): "
                "`saccade doctor` tells what is missing"
            )
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise EngineError(
                f"{library} finds too little of the GPU's memory for {file.path}: "
                f"{self._messages.last_error}; close what else uses it, or run on the CPU"
            )

    @property
    def inputs(self) -> tuple[str, ...]:
        return self._names(self._library.api.TensorIOMode.INPUT)

    @property
    def outputs(self) -> tuple[str, ...]:
        return self._names(self._library.api.TensorIOMode.OUTPUT)

    def dtype(self, name: str) -> np.dtype[Any]:
        dtype: np.dtype[Any] = np.dtype(
            self._library.api.nptype(self._engine.get_tensor_dtype(name))
        )
        return dtype

    def is_open(self, name: str) -> bool:
        """Return whether an input's shape is said before each execution."""
        return OPEN in tuple(self._engine.get_tensor_shape(name))

    def limits(self, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the least and the largest shape of an open input."""
        least, _, largest = self._engine.get_tensor_profile_shape(name, 0)
        return tuple(least), tuple(largest)

    def fix_shape(self, name: str, shape: tuple[int, ...]) -> None:
        """Say the shape of an open input, from now on; EngineError outside of its limits."""
        if not self._context.set_input_shape(name, shape):
            least, largest = self.limits(name)
            raise EngineError(
                f"this engine takes {name} of shape {least} to {largest}, got {shape}: "
                "export it with a wider profile"
            )

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an input or output, as the open inputs are now."""
        return tuple(self._context.get_tensor_shape(name))

    def bind(self, name: str, address: int) -> None:
        """Say where on the device an input is read or an output written, from now on."""
        if not self._context.set_tensor_address(name, address):
            raise EngineError(f"{self._library}: no buffer for {name}: {self._messages.last_error}")

    def is_capturable(self, stream_handle: int) -> bool:
        """Return whether an execution may become part of a CUDA graph, after one that did not."""
        asked = getattr(self._context, "is_stream_capturable", None)  # TensorRT for RTX has it
        return asked is None or bool(asked(stream_handle))

    def execute(self, stream_handle: int) -> None:
        """Queue one execution on a stream; EngineError where TensorRT refuses."""
        if not self._context.execute_async_v3(stream_handle):
            raise EngineError(f"{self._library} failed: {self._messages.last_error}")

    def _names(self, mode: Any) -> tuple[str, ...]:
        names = map(self._engine.get_tensor_name, range(self._engine.num_io_tensors))
        return tuple(name for name in names if self._engine.get_tensor_mode(name) == mode)
