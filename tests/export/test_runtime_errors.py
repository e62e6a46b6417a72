from __future__ import annotations

from pathlib import Path

import pytest

from export.backends.backend import DeviceLostError, EngineError
from export.runtime_errors import first_line, load_error, lost_reason, run_error

CUDA = (
    "[ONNXRuntimeError] : 1 : FAIL : cuda_call.cc:129 CUDA failure {0} ; GPU=0 ; hostname=desk ; "
    "file=cuda_execution_provider.cc ; line=500 ; expr=cudaStreamSynchronize(stream)"
)
NODE = (
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running "
    "{0} node. Name:'{0}_1' Status Message: {1}"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CUDA.format("2: out of memory"), "out of memory"),
        (NODE.format("Conv", "BFCArena::AllocateRawInternal Failed to allocate memory for "
                     "requested buffer of size 8388608000"), "out of memory"),
        (CUDA.format("700: an illegal memory access was encountered"), "an illegal memory access"),
        (CUDA.format("719: unspecified launch failure"), "a kernel failed"),
        (CUDA.format("100: no CUDA-capable device is detected"), "the GPU is gone"),
        (CUDA.format("46: all CUDA-capable devices are busy or unavailable"), "the GPU is gone"),
        (CUDA.format("4: driver shutting down"), "CUDA failed"),
        (NODE.format("Conv", "CUDNN failure 4000: CUDNN_STATUS_INTERNAL_ERROR ; GPU=0"),
         "its libraries failed"),
        (NODE.format("Conv", "CUDNN failure 2: CUDNN_STATUS_ALLOC_FAILED"), "out of memory"),
        (NODE.format("MatMul", "CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED"),
         "its libraries failed"),
        (NODE.format("TRTKernel_graph_main", "TensorRT EP execution context enqueue failed."),
         "TensorRT failed"),
        ("the device was lost", "the GPU is gone"),
    ],
)  # fmt: skip
def test_a_device_that_will_not_run_again_is_told_from_its_message(text: str, reason: str) -> None:
    assert lost_reason(text) == reason
    error = run_error("CUDA", RuntimeError(text))
    assert isinstance(error, DeviceLostError)
    assert str(error).startswith(f"CUDA: {reason} (")
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions for input: events",
        NODE.format("Reshape", "The input tensor cannot be reshaped to the requested shape"),
        "",
    ],
)
def test_a_failure_of_one_run_is_not_the_devices(text: str) -> None:
    assert lost_reason(text) is None
    assert not isinstance(run_error("CUDA", RuntimeError(text)), DeviceLostError)


def test_the_cpu_is_never_lost() -> None:
    error = run_error("CPU", RuntimeError(NODE.format("Conv", "Failed to allocate memory")))
    assert type(error) is EngineError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Error No Op registered for Frobnicate with domain_version of 18", "operator Frobnicate"),
        (
            "FAIL : Fatal error: my.domain:Frob(-1) is not a registered function/op",
            "my.domain:Frob",
        ),
        ("NOT_IMPLEMENTED : Could not find an implementation for Neg(13) node", "operator Neg"),
        ("-- No conversion rule found for operations: my.domain.Frob", "operator my.domain.Frob"),
        ("Unsupported model IR version: 99, max supported IR version: 13", "reads up to 13"),
        ("Opset 99 is under development and support for this is limited", "opset 99, newer"),
        ("External data path does not exist", "weights in another file"),
        ("Protobuf parsing failed.", "is damaged"),
        ("INVALID_GRAPH : This is an invalid model. Error: no input", "is damaged"),
        (
            "FAIL : bad allocation\nin the session",
            "cannot be opened (FAIL : bad allocation in the session): update onnxruntime",
        ),
    ],
)
def test_a_file_that_cannot_be_opened_says_why_and_the_cure(text: str, message: str) -> None:
    found = str(load_error(Path("a.onnx"), RuntimeError(text)))
    assert found.startswith("a.onnx ")
    assert message in found
    assert "again" in found


def test_an_empty_message_is_its_class() -> None:
    assert first_line(MemoryError()) == "MemoryError"
