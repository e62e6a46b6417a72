"""Device buffers on the one device that is here: the CPU's memory, by the same calls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from export.device_buffers import DeviceBuffers
from export.providers.cpu import Config


@pytest.fixture
def session(tiny_engine: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        str(tiny_engine), Config().session_options(), providers=["CPUExecutionProvider"]
    )


def grids(num: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.normal(size=(5, 64, 96)).astype(np.float32) for _ in range(num)]


def copied(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Keep outputs that the next run may overwrite."""
    return {name: output.copy() for name, output in outputs.items()}


def test_each_grid_gives_what_a_plain_run_gives(session: onnxruntime.InferenceSession) -> None:
    buffers = DeviceBuffers(session, "cpu")
    names = [output.name for output in session.get_outputs()]
    for grid in grids():
        outputs = buffers.run(grid)
        expected = session.run(names, {"events": grid[None]})
        for name, array in zip(names, expected, strict=True):
            np.testing.assert_array_equal(outputs[name], array)


def test_a_grid_elsewhere_in_the_devices_memory_is_read_there(
    session: onnxruntime.InferenceSession,
) -> None:
    buffers = DeviceBuffers(session, "cpu")
    first, second = grids(2)
    elsewhere = np.ascontiguousarray(second[None])
    expected = copied(buffers.run(second))
    buffers.run(first)
    found = buffers.run_at(elsewhere.ctypes.data)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_grid_that_is_not_contiguous_is_taken_as_it_reads(
    session: onnxruntime.InferenceSession,
) -> None:
    buffers = DeviceBuffers(session, "cpu")
    [grid] = grids(1)
    strided = np.repeat(grid, 2, axis=2)[:, :, ::2]
    assert not strided.flags.c_contiguous
    expected = copied(buffers.run(grid))
    for name, array in buffers.run(strided).items():
        np.testing.assert_array_equal(array, expected[name])
