"""DeviceBuffers: an engine's inputs and outputs in the GPU's memory, at addresses that stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from export.onnx_shapes import GRID

NO_GRAPH = "-1"
"""ONNX Runtime's id for a run outside every CUDA graph."""


class DeviceBuffers:
    """Copies a grid to the device, runs, and copies each output back, once.

    A CUDA graph replays addresses, so the buffers are made once and never bound again.

    Args:
        session: Of one grid input and outputs of fixed shape.
        device: ONNX Runtime's name of the device.
    """

    def __init__(self, session: onnxruntime.InferenceSession, device: str = "cuda") -> None:
        self._session = session
        self._device = device
        self._shape = tuple(session.get_inputs()[0].shape)
        self._grid = self._buffer(self._shape)
        self._outputs = {
            output.name: self._buffer(tuple(output.shape)) for output in session.get_outputs()
        }
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input(GRID, self._grid)
        self._bind_outputs(self._binding)

    def run(self, grid: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        """Return the outputs for one (C, H, W) grid in host memory."""
        self._grid.update_inplace(np.ascontiguousarray(grid[None]))
        self._session.run_with_iobinding(self._binding)
        return self._read()

    def run_at(self, address: int) -> dict[str, npt.NDArray[np.float32]]:
        """Return the outputs for a grid that lies elsewhere in the device's memory."""
        binding, options = self._session.io_binding(), onnxruntime.RunOptions()
        binding.bind_input(GRID, self._device, 0, np.float32, self._shape, address)
        self._bind_outputs(binding)
        options.add_run_config_entry("gpu_graph_id", NO_GRAPH)
        self._session.run_with_iobinding(binding, options)
        return self._read()

    def _buffer(self, shape: tuple[int, ...]) -> Any:
        return onnxruntime.OrtValue.ortvalue_from_numpy(
            np.zeros(shape, np.float32), self._device, 0
        )

    def _bind_outputs(self, binding: Any) -> None:
        for name, value in self._outputs.items():
            binding.bind_ortvalue_output(name, value)

    def _read(self) -> dict[str, npt.NDArray[np.float32]]:
        self._binding.synchronize_outputs()
        return {name: value.numpy() for name, value in self._outputs.items()}
