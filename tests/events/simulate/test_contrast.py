"""The contrast simulator against worked examples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from events.packet import EVENT_DTYPE, EventArray, SensorSize
from events.simulate.contrast import NOISY, ContrastConfig, ContrastSimulator, events_from_frames

PIXEL = SensorSize(1, 1)
EPS = ContrastConfig().log_eps


def lit(log_intensity: float, size: SensorSize = PIXEL) -> npt.NDArray[np.float32]:
    """A uniform frame whose log(intensity + eps) is as given."""
    return np.full((size.height, size.width), np.exp(log_intensity) - EPS, np.float32)


def ramp(config: ContrastConfig, start: float, end: float, duration_us: int) -> EventArray:
    simulator = ContrastSimulator(PIXEL, config, seed=0)
    assert len(simulator.step(lit(start), 0)) == 0
    return simulator.step(lit(end), duration_us)


def moving_picture(num_frames: int, size: SensorSize) -> npt.NDArray[np.float32]:
    y, x, t = np.ogrid[: size.height, : size.width, :num_frames]
    waves = 0.5 + 0.4 * np.sin(x / 5 + t / 3) * np.cos(y / 7 - t / 4)
    return np.moveaxis(waves, 2, 0).astype(np.float32)


def test_a_rising_ramp_gives_one_event_per_threshold_at_its_crossing() -> None:
    events = ramp(ContrastConfig(threshold_on=0.3), -2.0, -1.0, 10_000)
    np.testing.assert_array_equal(events["p"], [1, 1, 1])
    np.testing.assert_allclose(events["t"], [3000, 6000, 9000], atol=2)


def test_a_falling_ramp_uses_the_other_threshold() -> None:
    events = ramp(ContrastConfig(threshold_on=0.3, threshold_off=0.4), -1.0, -2.0, 10_000)
    np.testing.assert_array_equal(events["p"], [0, 0])
    np.testing.assert_allclose(events["t"], [4000, 8000], atol=2)


def test_what_is_left_below_the_threshold_counts_in_the_next_step() -> None:
    simulator = ContrastSimulator(PIXEL, ContrastConfig(threshold_on=0.3), seed=0)
    simulator.step(lit(-2.0), 0)
    assert len(simulator.step(lit(-1.8), 1000)) == 0
    events = simulator.step(lit(-1.6), 2000)
    np.testing.assert_allclose(events["t"], [1500], atol=2)


def test_many_small_steps_give_the_events_of_one_large_one() -> None:
    config = ContrastConfig(threshold_on=0.1)
    simulator = ContrastSimulator(PIXEL, config, seed=0)
    levels = np.linspace(-3.0, -0.55, 101)
    small = [simulator.step(lit(level), 100 * i) for i, level in enumerate(levels)]
    small_t = np.concatenate([events["t"] for events in small])
    large_t = ramp(config, -3.0, -0.55, 10_000)["t"]
    np.testing.assert_allclose(small_t, large_t, atol=2)
    assert len(large_t) == 24


@pytest.mark.parametrize("duration_us", [1, 1000, 500_000])
def test_events_are_sorted_and_lie_in_the_half_open_step(duration_us: int) -> None:
    size = SensorSize(40, 30)
    frames = moving_picture(3, size)
    simulator = ContrastSimulator(size, NOISY, seed=0)
    for index, frame in enumerate(frames):
        events = simulator.step(frame, index * duration_us)
        assert events.dtype == EVENT_DTYPE
        assert np.all(np.diff(events["t"]) >= 0)
        assert np.all(
            (events["t"] >= (index - 1) * duration_us) & (events["t"] < index * duration_us)
        )
        assert np.all((events["x"] < 40) & (events["y"] < 30) & (events["p"] <= 1))
    assert len(events)


def test_a_still_scene_without_noise_is_silent() -> None:
    frames = np.repeat(moving_picture(1, SensorSize(20, 10)), 5, axis=0)
    packet = events_from_frames(frames, np.arange(5) * 1000, ContrastConfig(), seed=0)
    assert len(packet) == 0
    assert (packet.start_us, packet.end_us) == (0, 4000)


def test_black_frames_are_silent_and_finite() -> None:
    frames = np.zeros((3, 4, 5), np.float32)
    assert len(events_from_frames(frames, [0, 1, 2], ContrastConfig(), seed=0)) == 0


def test_a_refractory_pixel_loses_events_but_not_its_reference() -> None:
    events = ramp(ContrastConfig(threshold_on=0.1, refractory_us=2500), -2.05, -1.0, 10_500)
    # crossings lie 1 ms apart: one in three is outside the refractory period
    np.testing.assert_allclose(events["t"], [1000, 4000, 7000, 10_000], atol=3)


def test_the_refractory_period_goes_on_over_steps() -> None:
    config = ContrastConfig(threshold_on=0.3, refractory_us=5000)
    simulator = ContrastSimulator(PIXEL, config, seed=0)
    steps = [simulator.step(lit(level), t) for level, t in ((-3, 0), (-2.6, 1000), (-2.3, 2000))]
    assert [len(events) for events in steps] == [0, 1, 0]


def test_leak_events_come_at_their_rate() -> None:
    size = SensorSize(32, 32)
    config = ContrastConfig(leak_rate_hz=5.0, has_random_phase=True)
    frames = np.full((21, 32, 32), 0.5, np.float32)
    packet = events_from_frames(frames, np.arange(21) * 100_000, config, seed=0)
    rate_hz = len(packet) / (size.width * size.height * 2.0)
    assert rate_hz == pytest.approx(5.0, rel=0.06)
    assert np.all(packet.p == 1)


@pytest.mark.parametrize(("intensity", "share"), [(0.0, 1.0), (1.0, 0.25)])
def test_shot_noise_is_stronger_in_the_dark(intensity: float, share: float) -> None:
    frames = np.full((11, 32, 32), intensity, np.float32)
    config = ContrastConfig(shot_noise_rate_hz=10.0)
    packet = events_from_frames(frames, np.arange(11) * 100_000, config, seed=0)
    assert len(packet) == pytest.approx(10_240 * share, rel=0.1)
    assert np.mean(packet.p) == pytest.approx(0.5, abs=0.05)


def test_hot_pixels_are_few_and_loud() -> None:
    frames = np.full((2, 50, 50), 0.5, np.float32)
    config = ContrastConfig(hot_pixel_fraction=0.002, hot_pixel_rate_hz=100.0)
    packet = events_from_frames(frames, [0, 1_000_000], config, seed=0)
    assert len(set(zip(packet.x.tolist(), packet.y.tolist(), strict=True))) == 5
    assert len(packet) == pytest.approx(500, rel=0.2)


def test_mismatch_spreads_the_thresholds() -> None:
    def count(sigma: float) -> npt.NDArray[np.int64]:
        frames = np.stack([np.full((20, 20), level, np.float32) for level in (0.05, 0.9)])
        config = ContrastConfig(threshold_on=0.2, threshold_sigma=sigma)
        packet = events_from_frames(frames, [0, 1000], config, seed=1)
        return np.bincount(packet.y * 20 + packet.x, minlength=400)

    assert count(0.0).std() == 0
    assert count(0.04).std() > 1


def test_equal_seeds_give_equal_events_and_others_do_not() -> None:
    frames = moving_picture(6, SensorSize(30, 20))
    times_us = np.arange(6) * 2000
    first, again, other = (events_from_frames(frames, times_us, NOISY, seed) for seed in (3, 3, 4))
    assert first.events.tobytes() == again.events.tobytes()
    assert first.events.tobytes() != other.events.tobytes()


def test_the_input_frame_stays_unchanged() -> None:
    frame = lit(-1.0)
    before = frame.copy()
    ContrastSimulator(PIXEL, NOISY, seed=0).step(frame, 0)
    np.testing.assert_array_equal(frame, before)


def test_wrong_frames_are_refused_in_one_line() -> None:
    simulator = ContrastSimulator(PIXEL, ContrastConfig(), seed=0)
    with pytest.raises(ValueError, match="1x1 sensor"):
        simulator.step(np.zeros((2, 2), np.float32), 0)
    simulator.step(lit(-1.0), 10)
    with pytest.raises(ValueError, match="forwards"):
        simulator.step(lit(-1.0), 10)
    with pytest.raises(ValueError, match="one time"):
        events_from_frames(np.zeros((2, 3, 3), np.float32), [0], ContrastConfig(), seed=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold_on": 0.0},
        {"threshold_off": float("nan")},
        {"log_eps": 0.0},
        {"leak_rate_hz": -1.0},
        {"threshold_sigma": float("inf")},
        {"hot_pixel_fraction": 2.0},
    ],
)
def test_impossible_configs_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ContrastConfig(**wrong)  # type: ignore[arg-type]
