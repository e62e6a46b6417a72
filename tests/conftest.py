"""What every test shares: no display, no network, the data folder, no thread left behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Before anything creates an application: without a display QApplication aborts the process.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# Torch's threads wait by turning: beside a busy core a step takes a hundred times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from stand_in_camera import StandInCamera

from app import priority

REPOSITORY = Path(__file__).resolve().parent.parent
THREAD_GRACE_S = 2.0


@pytest.fixture(scope="session", autouse=True)
def no_test_touches_the_users_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what is measured and built meanwhile in a folder of this run."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def no_thread_gives_way() -> None:
    """Let inference have its share of a processor that other tests keep busy."""
    priority.STEPS = 0


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of recordings and data sets: $SACCADE_DATA, else ../shared/data; else a skip."""
    named = os.environ.get("SACCADE_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no data folder at {folder}: set SACCADE_DATA to one")
    return folder


@pytest.fixture(scope="session")
def tiny_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tiny.onnx, its model tiny.safetensors beside it; not to be changed."""
    from tiny_engine import write_tiny_engine  # loads torch, which most tests do without

    path = write_tiny_engine(tmp_path_factory.mktemp("tiny_engine"))
    _compile_kernels(path)
    return path


def _compile_kernels(engine_path: Path) -> None:
    """Infer once, so that no test waits for the compiler within its time."""
    from app.engines import load_engine
    from app.inference import Inference
    from events.packet import SensorSize, empty_packet
    from events.windows import Window

    engine = load_engine(engine_path, provider="cpu")
    sensor = SensorSize(32, 24)
    Inference(engine, sensor).infer(Window(0, empty_packet(sensor, 0, 50_000), False))
    engine.close()


@pytest.fixture(scope="session")
def bare_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bare.onnx: an encoder without heads; not to be changed."""
    from bare_engine import write_bare_engine

    return write_bare_engine(tmp_path_factory.mktemp("bare_engine"))


@pytest.fixture(scope="session", params=["conv_recurrent", "causal_transformer"])
def stream_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """stream.onnx, which remembers, its model stream.safetensors beside it; not to be changed."""
    from stream_engine import write_stream_engine

    return write_stream_engine(tmp_path_factory.mktemp("stream_engine"), request.param)


@pytest.fixture(autouse=True)
def no_thread_outlives_its_test() -> Iterator[None]:
    """Fail a test that leaves threads running, and name them."""
    before = set(threading.enumerate())
    yield
    deadline_s = time.monotonic() + THREAD_GRACE_S
    left = _new_threads(before)
    while left and time.monotonic() < deadline_s:
        time.sleep(0.01)
        left = _new_threads(before)
    if left:
        pytest.fail(f"threads left running: {', '.join(sorted(t.name for t in left))}")


def _new_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    # A dummy stands for a foreign thread (Qt's, a library's) that once ran Python: it never ends,
    # nor does the watchdog of the progress bars inside torch.onnx.
    return [
        thread
        for thread in threading.enumerate()
        if thread not in before
        and not isinstance(thread, threading._DummyThread)
        and thread.name != "tqdm_monitor"
    ]


@pytest.fixture
def stand_in_camera() -> Iterator[Callable[..., StandInCamera]]:
    """A function that starts a camera in a child process: see StandInCamera for its arguments."""
    cameras: list[StandInCamera] = []

    def start(address: str | None = None, **options: object) -> StandInCamera:
        cameras.append(StandInCamera(address, **options))
        return cameras[-1]

    yield start
    for camera in cameras:
        camera.kill()
