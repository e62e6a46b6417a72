"""A real engine that plays a GPU's: it loses its device after some runs."""

from __future__ import annotations

import threading

from wrapped_engine import WrappedEngine

from export.backends.backend import Engine, EngineError
from export.runtime_errors import run_error

OUT_OF_MEMORY = (
    "[ONNXRuntimeError] : 1 : FAIL : /onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc"
    ":129 CUDA failure 2: out of memory ; GPU=0 ; hostname=desk ; expr=cudaMalloc((void**)&p, size)"
)


class LostEngine(WrappedEngine):
    """Runs ``num_runs`` times as "CUDA", then fails for ever as ONNX Runtime's CUDA would."""

    def __init__(self, engine: Engine, num_runs: int = 3, cpu_problem: str = "") -> None:
        super().__init__(engine)
        self.num_runs_left = num_runs
        self.num_tries_after = 0
        self.may_load = threading.Event()
        self.may_load.set()
        self._cpu_problem = cpu_problem

    @property
    def provider(self) -> str:
        return "CUDA"

    def before_run(self) -> None:
        if self.num_runs_left:
            self.num_runs_left -= 1
            return
        self.num_tries_after += 1
        raise run_error("CUDA", RuntimeError(OUT_OF_MEMORY))

    def on_cpu(self) -> Engine:
        self.may_load.wait(5)
        if self._cpu_problem:
            raise EngineError(self._cpu_problem)
        return super().on_cpu()
