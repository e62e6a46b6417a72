"""OnnxMemory: what one stream of an ONNX Runtime session remembers, on the session's device."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from export.onnx_shapes import DTYPES, MEMORY
from export.swapping_memory import SwappingMemory


class OnnxMemory(SwappingMemory[Any]):
    """Its buffers are ONNX Runtime's values.

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
        one, other = (
            {
                name: make(zeros.shape, zeros.dtype.type, device, 0)
                for name, zeros in self._zeros.items()
            }
            for _ in range(2)
        )
        super().__init__(one, other)

    def _clear(self, name: str, buffer: Any) -> None:
        buffer.update_inplace(self._zeros[name])
