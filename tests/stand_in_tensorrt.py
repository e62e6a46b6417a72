"""A TensorRT that executes three small networks with numpy, where the real one needs a GPU.

It answers as the real API is documented to: None and False instead of exceptions, addresses in
place of arrays, shapes that must be said first, limits of a profile. A plan is JSON.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

INPUT, OUTPUT = "input", "output"
ALL = -1


def make_plan(network: str, tensors: dict[str, dict[str, Any]]) -> bytes:
    """Return a plan; a tensor is mode, dtype, shape and, where that has -1, limits."""
    return json.dumps({"network": network, "tensors": tensors}).encode()


def tensor(mode: str, *shape: int, dtype: str = "float32", limits: object = None) -> dict[str, Any]:
    return {"mode": mode, "shape": shape, "dtype": dtype, "limits": limits}


def scale(values: dict[str, np.ndarray]) -> None:
    """Every output is twice the mean of the grid."""
    for name in ("recognition", "segmentation", "depth"):
        values[name][...] = 2 * values["events"].mean()


def remember(values: dict[str, np.ndarray]) -> None:
    """What is remembered decays with the elapsed strides and takes the grid's mean."""
    values["next_memory_sum"][...] = (
        values["memory_sum"] * 0.5 ** values["elapsed"] + values["events"].mean()
    )
    values["recognition"][...] = values["next_memory_sum"].sum()


def count(values: dict[str, np.ndarray]) -> None:
    """Recognition is: events, padding rows, sums of t, x, y and p over events, rows."""
    is_event = values["p"] >= 0
    sums = [values[name][is_event].sum() for name in "txyp"]
    values["recognition"][0] = [is_event.sum(), (~is_event).sum(), *sums, len(is_event)]


NETWORKS: dict[str, Callable[[dict[str, np.ndarray]], None]] = {
    "scale": scale,
    "remember": remember,
    "count": count,
}


class StandInTensorRt:
    """The module; ``version`` and GPUs are the test's to choose."""

    def __init__(
        self, version: str = "10.15.1", compute_capabilities: tuple[int, ...] = ()
    ) -> None:
        self.__version__ = version
        self.ILogger = Logger
        self.TensorIOMode = SimpleNamespace(INPUT=INPUT, OUTPUT=OUTPUT)
        self.nptype = np.dtype
        self.Runtime = lambda logger: Runtime(self, logger)
        self.Builder = object
        self.num_executions = 0
        self.has_memory = True
        self.has_driver = True
        self.refuses = False
        if compute_capabilities:
            members = {f"SM{number}": number for number in compute_capabilities}
            self.ComputeCapability = SimpleNamespace(__members__=members)


class Logger:
    ERROR = 1

    def log(self, severity: int, message: str) -> None:
        raise NotImplementedError


class Runtime:
    def __init__(self, api: StandInTensorRt, logger: Logger) -> None:
        self._api = api
        self._logger = logger

    def deserialize_cuda_engine(self, plan: bytes) -> CudaEngine | None:
        if not self._api.has_driver:
            self._logger.log(1, "Error Code 1: Cuda Runtime (cudaError 35: driver too old)")
            return None
        return CudaEngine(self._api, self._logger, json.loads(plan))


class CudaEngine:
    def __init__(self, api: StandInTensorRt, logger: Logger, plan: dict[str, Any]) -> None:
        self.api, self.logger, self.network = api, logger, plan["network"]
        self.tensors: dict[str, dict[str, Any]] = plan["tensors"]
        self.num_io_tensors = len(self.tensors)

    def create_execution_context(self) -> ExecutionContext | None:
        if not self.api.has_memory:
            self.logger.log(1, "Error Code 2: OutOfMemory (no further information)")
            return None
        return ExecutionContext(self)

    def get_tensor_name(self, index: int) -> str:
        return list(self.tensors)[index]

    def get_tensor_mode(self, name: str) -> str:
        return str(self.tensors[name]["mode"])

    def get_tensor_dtype(self, name: str) -> str:
        return str(self.tensors[name]["dtype"])

    def get_tensor_shape(self, name: str) -> list[int]:
        return list(self.tensors[name]["shape"])

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[list[int]]:
        assert profile == 0
        return list(self.tensors[name]["limits"])


class ExecutionContext:
    def __init__(self, engine: CudaEngine) -> None:
        self._engine = engine
        self._shapes = {name: list(item["shape"]) for name, item in engine.tensors.items()}
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        least, _, largest = self._engine.get_tensor_profile_shape(name, 0)
        if not all(a <= b <= c for a, b, c in zip(least, shape, largest, strict=True)):
            return False
        self._shapes[name] = list(shape)
        return True

    def get_tensor_shape(self, name: str) -> list[int]:
        return self._shapes[name]

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return bool(address)

    def execute_async_v3(self, stream_handle: int) -> bool:
        api = self._engine.api
        is_said = all(ALL not in shape for shape in self._shapes.values())
        if api.refuses or not is_said or set(self._addresses) != set(self._engine.tensors):
            self._engine.logger.log(1, "Error Code 3: API Usage Error (not all is said)")
            return False
        NETWORKS[self._engine.network]({name: self._array(name) for name in self._addresses})
        api.num_executions += 1
        return True

    def _array(self, name: str) -> np.ndarray:
        """Return the memory at a tensor's address as an array of its shape."""
        dtype, shape = np.dtype(self._engine.tensors[name]["dtype"]), self._shapes[name]
        size = int(np.prod(shape)) * dtype.itemsize
        buffer = (ctypes.c_char * size).from_address(self._addresses[name])
        return np.frombuffer(buffer, dtype).reshape(shape)
