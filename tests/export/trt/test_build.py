"""Real builds with TensorRT for RTX, which needs no GPU for them."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.backends.backend import EngineError
from export.trt.build import BuildCancelledError, Target, build_plan
from export.trt.library import RTX, Library, load_library

REPOSITORY = Path(__file__).resolve().parents[3]
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
AMPERE = Target(compute_capabilities=("8.6",))
EVENT_PROFILE = ((1,), (1000,), (100_000,))


@pytest.fixture(scope="module")
def rtx() -> Library:
    pytest.importorskip("tensorrt_rtx", reason="only TensorRT for RTX builds without a GPU")
    return load_library(RTX)


def quiet(line: str) -> None:
    """Progress that nobody reads."""


def graph(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, list[int | str]]],
    output: tuple[int, list[int | str]],
    **constants: np.ndarray,
) -> bytes:
    """Return an ONNX with the output y."""
    info = helper.make_tensor_value_info
    made = helper.make_graph(
        nodes,
        "g",
        [info(name, *kind) for name, kind in inputs.items()],
        [info("y", *output)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def scatter(reduction: str) -> bytes:
    node = helper.make_node("ScatterElements", ["d", "i", "u"], ["y"], reduction=reduction)
    inputs = {"d": (FLOAT, [100]), "i": (INT64, [50]), "u": (FLOAT, [50])}
    return graph([node], inputs, (FLOAT, [100]))


def double(length: int | str) -> bytes:
    return graph(
        [helper.make_node("Add", ["x", "x"], ["y"])], {"x": (FLOAT, [length])}, (FLOAT, [length])
    )


def test_an_engine_builds_and_tells_what_it_does(rtx: Library, tiny_engine: Path) -> None:
    lines: list[str] = []
    plan = build_plan(rtx, tiny_engine.read_bytes(), AMPERE, progress=lines.append)
    assert len(plan) > 100_000
    assert lines[0] == "building engine"
    assert 3 <= len(lines) <= 12


def test_an_operator_that_is_not_supported_is_named(rtx: Library) -> None:
    with pytest.raises(EngineError, match="operator ScatterElements: Unsupported reduction type"):
        build_plan(rtx, scatter("add"), AMPERE, progress=quiet)
    assert build_plan(rtx, scatter("none"), AMPERE, progress=quiet)


def test_operators_that_are_unknown_are_all_named(rtx: Library) -> None:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("MatMulInteger", ["q", "w", "z"], ["y"]),
    ]
    model = graph(
        nodes, {"x": (FLOAT, [4, 4])}, (TensorProto.INT32, [4, 4]), w=np.ones((4, 4), np.int8)
    )
    with pytest.raises(EngineError, match="DynamicQuantizeLinear, MatMulInteger is unknown to it"):
        build_plan(rtx, model, AMPERE, progress=quiet)


def test_what_is_no_onnx_is_refused_in_one_line(rtx: Library) -> None:
    with pytest.raises(EngineError) as caught:
        build_plan(rtx, b"not a graph" * 20, AMPERE, progress=quiet)
    assert "\n" not in str(caught.value)


def test_an_open_input_needs_a_profile_that_rises(rtx: Library) -> None:
    with pytest.raises(EngineError, match="inputs x have no fixed shape: give a profile"):
        build_plan(rtx, double("N"), AMPERE, progress=quiet)
    falling = Target(compute_capabilities=("8.6",), profile={"x": EVENT_PROFILE[::-1]})
    with pytest.raises(EngineError, match="does not fit"):
        build_plan(rtx, double("N"), falling, progress=quiet)
    rising = Target(compute_capabilities=("8.6",), profile={"x": EVENT_PROFILE})
    assert build_plan(rtx, double("N"), rising, progress=quiet)


def test_a_build_is_cancelled_between_two_steps(rtx: Library, tiny_engine: Path) -> None:
    cancelled = threading.Event()
    lines: list[str] = []

    def progress(line: str) -> None:
        lines.append(line)
        if len(lines) == 3:
            cancelled.set()

    with pytest.raises(BuildCancelledError, match="nothing was written"):
        build_plan(rtx, tiny_engine.read_bytes(), AMPERE, progress=progress, cancelled=cancelled)
    assert len(lines) == 3


def test_a_listener_that_fails_ends_the_build_not_the_process(
    rtx: Library, tiny_engine: Path
) -> None:
    def progress(line: str) -> None:
        raise BrokenPipeError("nobody reads")

    with pytest.raises(BrokenPipeError, match="nobody reads"):
        build_plan(rtx, tiny_engine.read_bytes(), AMPERE, progress=progress)


def test_ctrl_c_ends_a_build(rtx: Library, tiny_engine: Path) -> None:
    script = f"""
        from pathlib import Path
        from export.trt.build import Target, build_plan
        from export.trt.library import RTX, load_library

        def say(line):
            print(line, flush=True)

        target = Target(compute_capabilities=("8.6",))
        onnx = Path({str(tiny_engine)!r}).read_bytes()
        try:
            build_plan(load_library(RTX), onnx, target, progress=say)
        except KeyboardInterrupt:
            print("interrupted")
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout
        assert child.stdout.readline() == "building engine\n"
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate()
    assert child.returncode == 0, errors
    assert output.splitlines()[-1] == "interrupted"
