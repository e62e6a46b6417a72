"""How fast events are simulated: the figures of ``saccade bench`` for synthetic data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from app.bench.row import Row
from events.packet import SensorSize
from events.simulate.contrast import NOISY, ContrastSimulator
from events.simulate.scene import Scene, SceneConfig, sample_window
from events.simulate.stream import FRAME_INTERVAL_US, SceneStream
from events.sources.synthetic import CONTRAST

SENSOR = SensorSize(346, 260)
WINDOW_US = 50_000
NUM_SCENES = 4


def rows(seconds: float = 1.0) -> Iterator[Row]:
    """Yield the cost of events from frames, of a scene in real time, and of training windows.

    All are one thread's CPU time, which other programs do not disturb.

    Args:
        seconds: Of event time simulated for each figure.
    """
    yield _row(
        f"contrast simulator, {SENSOR} at 1 kHz",
        _contrast_ms(num_frames=round(300 * seconds)),
        "ms/frame",
        baseline=1.0,
        note="to real time on one core",
    )
    num_frames = max(round(50 * seconds), 2)
    yield _row(f"rendering a scene, {SENSOR}", _render_ms(num_frames), "ms/frame")
    core_share, rate = _source_cost(round(seconds * 1e6))
    yield _row(
        f"synthetic source in real time, {SENSOR}",
        100 * core_share,
        "% of core",
        baseline=100.0,
        note=f"to real time on one core, at {rate:.2f} Mev/s",
    )
    num_samples = max(round(20 * seconds), 2)
    for size in (SensorSize(256, 192), SensorSize(128, 96)):
        cost_ms = _sample_ms(size, num_samples)
        yield _row(f"training window of {WINDOW_US // 1000} ms, {size}", cost_ms, "ms")


def _row(
    name: str, value: float, unit: str, *, baseline: float | None = None, note: str = ""
) -> Row:
    return Row(section="simulate", name=name, value=value, unit=unit, baseline=baseline, note=note)


def _cpu_ms(work: Callable[[int], object], num_times: int) -> float:
    """Return the CPU milliseconds of one call, after one that compiles."""
    work(0)
    started_s = time.thread_time()
    for index in range(1, num_times + 1):
        work(index)
    return (time.thread_time() - started_s) / num_times * 1e3


def _contrast_ms(num_frames: int) -> float:
    """Return the cost of a frame in a 1 kHz sequence of a panning scene, rendering not counted."""
    scene = Scene(SceneConfig(width=SENSOR.width, height=SENSOR.height), 0)
    frames = np.empty((64, SENSOR.height, SENSOR.width), np.float32)
    for index, frame in enumerate(frames):
        scene.render_intensity(index * 1000, frame)
    simulator = ContrastSimulator(SENSOR, NOISY, 0)

    def step(index: int) -> None:
        # there and back, so that no frame jumps
        place = index % 126
        simulator.step(frames[min(place, 126 - place)], index * 1000)

    return _cpu_ms(step, max(num_frames, 2))


def _render_ms(num_frames: int) -> float:
    scenes = [
        Scene(SceneConfig(width=SENSOR.width, height=SENSOR.height), seed)
        for seed in range(NUM_SCENES)
    ]
    picture = np.empty((SENSOR.height, SENSOR.width), np.float32)
    return _cpu_ms(
        lambda index: scenes[index % NUM_SCENES].render_intensity(index * 700_000, picture),
        num_frames,
    )


def _source_cost(duration_us: int) -> tuple[float, float]:
    """Return the share of a core that real time takes, and the mean rate in Mev/s."""
    num_events, cpu_ms = 0, 0.0
    for seed in range(NUM_SCENES):
        config = SceneConfig(width=SENSOR.width, height=SENSOR.height)
        stream = SceneStream(Scene(config, seed), CONTRAST, seed)
        stream.events_between(0, FRAME_INTERVAL_US)
        started_s = time.thread_time()
        for start_us in range(FRAME_INTERVAL_US, duration_us, FRAME_INTERVAL_US):
            num_events += len(stream.events_between(start_us, start_us + FRAME_INTERVAL_US))
        cpu_ms += (time.thread_time() - started_s) * 1e3
    played_us = NUM_SCENES * (-(-duration_us // FRAME_INTERVAL_US) - 1) * FRAME_INTERVAL_US
    return cpu_ms * 1e3 / played_us, num_events / played_us


def _sample_ms(size: SensorSize, num_samples: int) -> float:
    return _cpu_ms(lambda index: sample_window(index, size, WINDOW_US), num_samples)


def main() -> None:
    """Print the figures, one a line."""
    for row in rows():
        print(f"{row.name:48s} {row.value:8.3f} {row.unit}  {row.note}".rstrip())  # noqa: T201


if __name__ == "__main__":
    main()
