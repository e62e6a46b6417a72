from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.packet import EventPacket, SensorSize, pack_events
from events.representations.letterbox import Letterbox
from events.representations.normalization import normalize
from events.representations.ring import BinRing
from events.representations.sliding import SlidingGrid
from events.representations.voxel_grid import VoxelGridSpec, voxel_grid, voxel_grid_reference
from events.windows import WindowConfig, slide

LARGE, SMALL = SensorSize(40, 30), SensorSize(9, 12)
START_US = 10**15
HEIGHT, WIDTH = 18, 24

specs = st.builds(
    VoxelGridSpec,
    num_bins=st.integers(1, 6),
    polarity=st.sampled_from(["signed", "two_channel"]),
    normalization=st.sampled_from(["none", "nonzero_rms", "nonzero_mean_std"]),
)


def stream(num: int, duration_us: int, seed: int, sensor: SensorSize = LARGE) -> EventPacket:
    random = np.random.default_rng(seed)
    # Crowded in time and space, with silences: bins of many events and of none.
    t = np.sort((random.random(num) ** 3 * duration_us).astype(np.int64)) + START_US
    x = random.integers(0, sensor.width, num)
    y = random.integers(0, sensor.height, num)
    events = pack_events(t, x, y, random.integers(0, 2, num))
    return EventPacket(events, sensor, START_US, START_US + duration_us)


def window_of(packet: EventPacket, offset_us: int, length_us: int) -> EventPacket:
    """Return the window at ``offset_us``, of full length also past the stream's end."""
    start_us = packet.start_us + offset_us
    events = packet.between(start_us, start_us + length_us).events
    return EventPacket(events, packet.sensor, start_us, start_us + length_us)


@settings(max_examples=150, deadline=None)
@given(
    spec=specs,
    sensor=st.sampled_from([LARGE, SMALL, SensorSize(WIDTH, HEIGHT)]),
    num=st.integers(0, 400),
    steps=st.lists(st.integers(-3, 9), min_size=1, max_size=12),
    odd_us=st.sampled_from([0, 0, 0, 37]),
    seed=st.integers(0, 99),
)
def test_every_window_equals_the_one_from_scratch(
    spec: VoxelGridSpec,
    sensor: SensorSize,
    num: int,
    steps: list[int],
    odd_us: int,
    seed: int,
) -> None:
    bin_us = 100
    length_us = spec.num_bins * bin_us
    packet = stream(num, 3_000, seed, sensor)
    letterbox = Letterbox(sensor, HEIGHT, WIDTH)
    sliding = SlidingGrid(spec, letterbox, length_us)
    offset_us = 0
    for number, step in enumerate(steps):  # repeats, small steps, jumps ahead and back
        offset_us += step * bin_us + (odd_us if number == 3 else 0)
        window = window_of(packet, offset_us, length_us)
        expected = spec.network_input(window, letterbox)
        np.testing.assert_allclose(sliding.grid(window), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("stride_us", [100, 200, 300, 500, 700, 130])
def test_windows_of_a_long_stream_equal_those_from_scratch_at_any_stride(stride_us: int) -> None:
    spec = VoxelGridSpec(num_bins=5, normalization="nonzero_rms")
    letterbox = Letterbox(LARGE, HEIGHT, WIDTH)
    sliding = SlidingGrid(spec, letterbox, 500)
    config = WindowConfig(length_us=500, stride_us=stride_us)
    for window in slide([stream(5_000, 30_000, seed=1)], config):
        expected = spec.network_input(window.packet, letterbox)
        np.testing.assert_allclose(sliding.grid(window.packet), expected, rtol=1e-6, atol=1e-6)


def test_an_event_is_scattered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bins: list[int] = []
    scatter = BinRing.scatter

    def counting(ring: BinRing, packet: EventPacket, num_new: int) -> None:
        before = ring._num_planes
        scatter(ring, packet, num_new)
        bins.append(5 if before == 0 else num_new)

    monkeypatch.setattr(BinRing, "scatter", counting)
    sliding = SlidingGrid(VoxelGridSpec(num_bins=5), Letterbox(LARGE, HEIGHT, WIDTH), 500)
    packet = stream(500, 5_000, seed=0)
    for offset_us in range(0, 2_000, 200):
        sliding.grid(window_of(packet, offset_us, 500))
    assert bins == [5, 2, 2, 2, 2, 2, 2, 2, 2]  # the first window cannot know that others follow


def test_another_stream_at_the_same_time_is_noticed_without_a_reset() -> None:
    spec = VoxelGridSpec(num_bins=5)
    letterbox = Letterbox(LARGE, HEIGHT, WIDTH)
    sliding = SlidingGrid(spec, letterbox, 500)
    first, second = stream(500, 3_000, seed=0), stream(700, 3_000, seed=1)
    for offset_us in (0, 100, 200):
        sliding.grid(window_of(first, offset_us, 500))
    for offset_us in (300, 400, 500):
        window = window_of(second, offset_us, 500)
        np.testing.assert_array_equal(sliding.grid(window), spec.network_input(window, letterbox))


@pytest.mark.parametrize(
    "choices", [{"placement": "closed"}, {"anchor": "events"}, {"num_bins": 7}]
)
def test_grids_that_cannot_slide_are_made_from_scratch(choices: dict[str, Any]) -> None:
    spec = VoxelGridSpec(**choices)
    letterbox = Letterbox(LARGE, HEIGHT, WIDTH)
    sliding = SlidingGrid(spec, letterbox, 500)
    packet = stream(500, 3_000, seed=0)
    for offset_us in (0, 100, 200):
        window = window_of(packet, offset_us, 500)
        np.testing.assert_array_equal(sliding.grid(window), spec.network_input(window, letterbox))


@settings(max_examples=50, deadline=None)
@given(
    spec=specs,
    width=st.integers(WIDTH, 90),
    height=st.integers(HEIGHT, 90),
    seed=st.integers(0, 9),
)
def test_a_cell_of_a_smaller_input_is_the_sum_of_its_pixels(
    spec: VoxelGridSpec, width: int, height: int, seed: int
) -> None:
    sensor = SensorSize(width, height)
    packet = stream(300, 1_000, seed, sensor)
    letterbox = Letterbox(sensor, HEIGHT, WIDTH)
    assert letterbox.scale <= 1
    raw = VoxelGridSpec(num_bins=spec.num_bins, polarity=spec.polarity)
    pixels = voxel_grid_reference(packet, raw)
    expected = np.zeros((spec.num_channels, HEIGHT, WIDTH), np.float32)
    index = (slice(None), letterbox.y_lut[:, None], letterbox.x_lut[None, :])
    np.add.at(expected, index, pixels)
    np.testing.assert_allclose(raw.network_input(packet, letterbox), expected, atol=1e-5)


def test_a_cell_of_a_larger_input_is_the_pixel_under_it() -> None:
    packet = stream(200, 1_000, seed=2, sensor=SMALL)
    letterbox = Letterbox(SMALL, HEIGHT, WIDTH)
    top, left, height, width = letterbox.content
    spec = VoxelGridSpec()
    pixels = voxel_grid(packet, spec)
    grid = spec.network_input(packet, letterbox, np.full((5, HEIGHT, WIDTH), np.nan, np.float32))
    content = grid[:, top : top + height, left : left + width]
    rows = np.minimum(((np.arange(height) + 0.5) / letterbox.scale).astype(int), 11)
    columns = np.minimum(((np.arange(width) + 0.5) / letterbox.scale).astype(int), 8)
    np.testing.assert_array_equal(content, pixels[:, rows][:, :, columns])
    grid[:, top : top + height, left : left + width] = 0
    assert not grid.any()


def test_normalising_a_window_leaves_the_ring_alone() -> None:
    spec = VoxelGridSpec(normalization="nonzero_rms")
    letterbox = Letterbox(LARGE, HEIGHT, WIDTH)
    sliding = SlidingGrid(spec, letterbox, 500)
    packet = stream(500, 3_000, seed=0)
    window = window_of(packet, 100, 500)
    sliding.grid(window_of(packet, 0, 500))
    first = sliding.grid(window).copy()
    np.testing.assert_array_equal(sliding.grid(window), first)
    assert np.mean(first[first != 0] ** 2) == pytest.approx(1, abs=1e-5)


def test_normalising_in_place_equals_normalising_into_another_array() -> None:
    values = np.random.default_rng(0).normal(size=1_000).astype(np.float32)
    values[::3] = 0
    for normalization in ("none", "nonzero_rms", "nonzero_mean_std"):
        out, copy = np.empty_like(values), values.copy()
        normalize(values, normalization, out)
        normalize(copy, normalization)
        np.testing.assert_array_equal(out, copy)
        assert (out[::3] == 0).all()


def test_a_packet_of_another_sensor_is_refused() -> None:
    sliding = SlidingGrid(VoxelGridSpec(), Letterbox(LARGE, HEIGHT, WIDTH), 500)
    with pytest.raises(ValueError, match="made for a 40x30 sensor, got a packet of 9x12"):
        sliding.grid(stream(5, 500, seed=0, sensor=SMALL))
