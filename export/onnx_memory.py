"""OnnxMemory: what one stream of an ONNX engine remembers, in two sets of buffers that swap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime

from export.onnx_shapes import DTYPES, MEMORY, NEXT_MEMORY


class OnnxMemory:
    """Two sets of buffers on the engine's device: a run reads one and writes the other.

    They are made once; between windows only their roles change, so that nothing is copied.

    Args:
        session: A streaming engine's.
        device: "cpu" or "cuda": where the session computes.
    """

    def __init__(self, session: onnxruntime.InferenceSession, device: str) -> None:
        self._zeros: dict[str, npt.NDArray[np.generic]] = {
            item.name.removeprefix(MEMORY): np.zeros(item.shape, DTYPES[item.type])
            for item in session.get_inputs()
            if item.name.startswith(MEMORY)
        }
        make = onnxruntime.OrtValue.ortvalue_from_shape_and_type  # its own buffer, also on the CPU
        self._current, self._next = (
            {
                name: make(zeros.shape, zeros.dtype.type, device, 0)
                for name, zeros in self._zeros.items()
            }
            for _ in range(2)
        )
        self.forget()

    def bind(self, binding: onnxruntime.IOBinding) -> None:
        """Let the next run read what is remembered, and write what will be."""
        for name, value in self._current.items():
            binding.bind_ortvalue_input(MEMORY + name, value)
        for name, value in self._next.items():
            binding.bind_ortvalue_output(NEXT_MEMORY + name, value)

    def advance(self) -> None:
        """Remember what the last run wrote."""
        self._current, self._next = self._next, self._current

    def forget(self) -> None:
        for name, zeros in self._zeros.items():
            self._current[name].update_inplace(zeros)
