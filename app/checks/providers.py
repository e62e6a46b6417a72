"""Which of onnxruntime's providers really run here: each is tried on a network of one node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.checks.check import Check, Outcome, fail, ok, run_child, warn
from app.checks.libraries import parts
from app.versions import REINSTALL, WANTED_RUNTIME, runtime_providers, version_of
from export.providers import cuda, openvino, tensorrt

CURES = {
    "libcuda": cuda.DRIVER_CURE,
    "libnvinfer": tensorrt.CURE,
    "libnvonnxparser": tensorrt.CURE,
    "libcu": cuda.CURE,
    "libnv": cuda.CURE,
}
"""By the start of a missing library's name; the first that fits."""
PROBE = """
import sys, onnxruntime as ort
from onnx import TensorProto, helper
ort.set_default_logger_severity(3)
if sys.argv[1] != "CPU" and hasattr(ort, "preload_dlls"):
    ort.preload_dlls()
value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])
graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [value("x")], [value("y")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
name = sys.argv[1] + "ExecutionProvider"
session = ort.InferenceSession(model.SerializeToString(), providers=[name])
session.run(None, {"x": __import__("numpy").ones(1, "float32")})
print("used", session.get_providers()[0])
"""


def check_providers() -> Iterator[Check]:
    """Yield one check for each provider that onnxruntime was built with."""
    try:
        built_in = runtime_providers()
    except RuntimeError as error:
        yield fail("CPU engine", str(error), REINSTALL)
        return
    has_gpu = has_nvidia_gpu()
    names = [name for name in ("CPU", "CUDA", "Tensorrt") if name in built_in]
    names = [name for name in names if name == "CPU" or has_gpu]
    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(lambda name: run_child(PROBE, name), names))
    yield from (judge(name, outcome) for name, outcome in zip(names, outcomes, strict=True))
    if not has_gpu:
        yield ok("GPU", "no NVIDIA GPU here: engines run on the CPU")
    elif "CUDA" not in built_in and WANTED_RUNTIME != "onnxruntime-gpu":
        yield ok(
            "GPU", "onnxruntime has no package for this machine's GPU; *.trt engines run on it"
        )
    elif "CUDA" not in built_in:
        yield warn("GPU", "this onnxruntime is for the CPU only", "pip install onnxruntime-gpu")
    yield _openvino()


def has_nvidia_gpu() -> bool:
    """Return whether the system shows an NVIDIA GPU, whatever works of it."""
    if Path("/dev/nvidia0").exists() or Path("/proc/driver/nvidia/gpus").exists():
        return True
    vendors = Path("/sys/bus/pci/devices").glob("*/vendor")
    classes = ((path, path.with_name("class")) for path in vendors)
    return any(
        vendor.read_text().strip() == "0x10de" and kind.read_text().startswith("0x03")
        for vendor, kind in classes
    )


def judge(name: str, outcome: Outcome) -> Check:
    """Return what the probe of one provider found out, and which library it lacks."""
    subject = f"{'TensorRT' if name == 'Tensorrt' else name} engine"
    if f"used {name}ExecutionProvider" in outcome.output:
        return ok(subject, "a small network runs")
    text = f"{outcome.errors} {outcome.output}"
    missing = re.search(r"(lib[\w-]+)\.so[.\d]*(?=: cannot open)", text)
    if missing:
        cure = next((c for start, c in CURES.items() if missing[1].startswith(start)), "")
        message = f"{missing[0]} is missing"
        cure = cure or f"install the package that holds {missing[0]}"
    elif name == "Tensorrt" and version_of("tensorrt-cu13") is None:
        message, cure = "TensorRT is not installed", tensorrt.CURE
    else:
        lines = [line for line in outcome.errors.splitlines() if line.strip()]
        message = lines[-1][:160] if lines else f"the probe ended with code {outcome.code}"
        cure = cuda.CURE if name != "CPU" else REINSTALL
    version = version_of("tensorrt-cu13") or version_of("tensorrt")
    if name == "Tensorrt" and version and parts(version)[0] != 10:
        message, cure = f"TensorRT {version} is installed, onnxruntime takes 10.x", tensorrt.CURE
    return (fail if name == "CPU" else warn)(subject, message, cure)


def _openvino() -> Check:
    version = version_of("openvino")
    if version is None:
        return ok("OpenVINO", f"not installed (optional, for CPUs): {openvino.CURE}")
    return ok("OpenVINO", version)
