from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.packet import EVENT_DTYPE, EventPacket, SensorSize, empty_packet, pack_events
from events.representations.voxel_grid import (
    VoxelGridSpec,
    published,
    voxel_grid,
    voxel_grid_reference,
)

SENSOR = SensorSize(7, 5)
START_US = 1_700_000_000_000_000

specs = st.builds(
    VoxelGridSpec,
    num_bins=st.integers(2, 7),
    polarity=st.sampled_from(["signed", "two_channel"]),
    placement=st.sampled_from(["trailing", "closed"]),
    anchor=st.sampled_from(["window", "events"]),
)


def packet_at(
    times_us: list[int], *, duration_us: int = 100, pixel: tuple[int, int] = (3, 2), p: int = 1
) -> EventPacket:
    """Return events of one pixel (x, y) at microseconds after the window's start."""
    num = len(times_us)
    t = np.array(times_us, np.int64) + START_US
    events = pack_events(t, np.full(num, pixel[0]), np.full(num, pixel[1]), np.full(num, p))
    return EventPacket(events, SENSOR, START_US, START_US + duration_us)


def random_packet(num: int, duration_us: int, seed: int, start_us: int = START_US) -> EventPacket:
    random = np.random.default_rng(seed)
    t = np.sort(random.integers(start_us, start_us + duration_us, num))
    x, y = random.integers(0, 7, num), random.integers(0, 5, num)
    events = pack_events(t, x, y, random.integers(0, 2, num))
    return EventPacket(events, SENSOR, start_us, start_us + duration_us)


@settings(max_examples=200, deadline=None)
@given(
    specs,
    st.integers(0, 60),
    st.integers(1, 10**8),
    st.sampled_from([0, START_US, 2**55]),
    st.integers(0, 9),
)
def test_the_kernel_equals_the_reference(
    spec: VoxelGridSpec, num: int, duration_us: int, start_us: int, seed: int
) -> None:
    packet = random_packet(num, duration_us, seed, start_us)
    expected = voxel_grid_reference(packet, spec)
    np.testing.assert_allclose(voxel_grid(packet, spec), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("normalization", ["nonzero_rms", "nonzero_mean_std"])
@pytest.mark.parametrize("placement", ["trailing", "closed"])
@pytest.mark.parametrize("polarity", ["signed", "two_channel"])
def test_normalised_grids_equal_the_reference(
    polarity: Any, placement: Any, normalization: Any
) -> None:
    spec = VoxelGridSpec(polarity=polarity, placement=placement, normalization=normalization)
    packet = random_packet(300, 10_007, seed=3)
    grid = voxel_grid(packet, spec)
    np.testing.assert_allclose(grid, voxel_grid_reference(packet, spec), rtol=2e-6, atol=2e-6)
    values = grid[grid != 0]
    assert np.mean(values**2) == pytest.approx(1, abs=1e-5)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 50), st.integers(0, 9))
def test_closed_planes_share_every_event_out_in_full(num: int, seed: int) -> None:
    packet = random_packet(num, 1_000, seed)
    grid = voxel_grid(packet, VoxelGridSpec(placement="closed", polarity="two_channel"))
    on = int(packet.p.sum())
    assert grid[:5].sum() == pytest.approx(on, abs=1e-4)
    assert grid[5:].sum() == pytest.approx(num - on, abs=1e-4)


def test_trailing_planes_lie_at_the_ends_of_the_bins() -> None:
    spec = VoxelGridSpec(num_bins=5)
    grid = voxel_grid(packet_at([5]), spec)  # a quarter into the first bin of 20 us
    assert grid[:, 2, 3].tolist() == [0.25, 0, 0, 0, 0]
    grid = voxel_grid(packet_at([25]), spec)  # a quarter from plane 0 to plane 1
    assert grid[:, 2, 3].tolist() == [0.75, 0.25, 0, 0, 0]
    grid = voxel_grid(packet_at([95], p=0), spec)
    assert grid[:, 2, 3].tolist() == [0, 0, 0, -0.25, -0.75]


def test_closed_planes_lie_at_start_and_end() -> None:
    spec = VoxelGridSpec(num_bins=5, placement="closed")
    assert voxel_grid(packet_at([0]), spec)[:, 2, 3].tolist() == [1, 0, 0, 0, 0]
    assert voxel_grid(packet_at([60]), spec)[:, 2, 3] == pytest.approx([0, 0, 0.6, 0.4, 0])


def test_anchored_on_events_the_last_event_is_on_the_last_plane() -> None:
    packet = packet_at([10, 50, 90])
    closed = VoxelGridSpec(num_bins=3, placement="closed", anchor="events")
    assert voxel_grid(packet, closed)[:, 2, 3].tolist() == [1, 1, 1]
    trailing = VoxelGridSpec(num_bins=2, placement="trailing", anchor="events")
    assert voxel_grid(packet, trailing)[:, 2, 3].tolist() == [1, 1]


def test_off_events_have_planes_of_their_own_in_two_channels() -> None:
    spec = VoxelGridSpec(num_bins=2, placement="closed", polarity="two_channel")
    grid = voxel_grid(packet_at([0], p=0), spec)
    assert grid[:, 2, 3].tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("normalization", ["none", "nonzero_rms", "nonzero_mean_std"])
@pytest.mark.parametrize("anchor", ["window", "events"])
def test_no_events_make_a_grid_of_zeros(anchor: Any, normalization: Any) -> None:
    spec = VoxelGridSpec(anchor=anchor, normalization=normalization)
    for end_us in (START_US, START_US + 50_000):
        grid = voxel_grid(empty_packet(SENSOR, START_US, end_us), spec)
        assert grid.shape == (5, 5, 7)
        assert grid.dtype == np.float32
        assert not grid.any()


@pytest.mark.parametrize("times_us", [[40], [40, 40, 40]])
def test_one_instant_anchored_on_events_is_plane_0_if_closed_and_nothing_if_trailing(
    times_us: list[int],
) -> None:
    packet = packet_at(times_us)
    closed = voxel_grid(packet, VoxelGridSpec(placement="closed", anchor="events"))
    assert closed[0, 2, 3] == len(times_us)
    assert np.count_nonzero(closed) == 1
    assert not voxel_grid(packet, VoxelGridSpec(placement="trailing", anchor="events")).any()


def test_one_instant_in_the_window_lies_where_the_window_says() -> None:
    grid = voxel_grid(packet_at([50, 50, 50]), VoxelGridSpec(num_bins=5))
    assert grid[:, 2, 3].tolist() == [0, 1.5, 1.5, 0, 0]


def test_equal_values_are_not_blown_up_by_normalisation() -> None:
    spec = VoxelGridSpec(placement="closed", normalization="nonzero_mean_std")
    grid = voxel_grid(packet_at([0, 0, 0]), spec)
    assert not grid.any()
    rms = dataclasses.replace(spec, normalization="nonzero_rms")
    assert voxel_grid(packet_at([0, 0, 0], p=0), rms)[0, 2, 3] == -1


def test_input_and_padding_do_not_matter_and_are_not_touched() -> None:
    packet = random_packet(100, 1_000, seed=1)
    padded = packet.events.copy().view(np.uint8).reshape(-1, 16)
    padded[:, 13:] = np.random.default_rng(0).integers(0, 256, (100, 3))
    events = padded.reshape(-1).view(EVENT_DTYPE)
    before = events.tobytes()
    dirty = EventPacket(events, SENSOR, packet.start_us, packet.end_us)
    for polarity in ("signed", "two_channel"):
        spec = VoxelGridSpec(polarity=polarity)
        np.testing.assert_array_equal(voxel_grid(dirty, spec), voxel_grid(packet, spec))
    assert events.tobytes() == before


def test_out_is_overwritten_and_returned() -> None:
    packet = random_packet(100, 1_000, seed=1)
    spec = VoxelGridSpec()
    out = np.full((5, 5, 7), np.nan, np.float32)
    assert voxel_grid(packet, spec, out=out) is out
    np.testing.assert_array_equal(out, voxel_grid(packet, spec))
    np.testing.assert_array_equal(out, spec.build(packet))


def test_an_out_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(5, 5, 7\), got float32 of shape \(4, 5, 7\)"):
        voxel_grid(packet_at([1]), VoxelGridSpec(), out=np.zeros((4, 5, 7), np.float32))


def test_events_that_break_the_contract_do_not_break_memory() -> None:
    t = np.array([-50, 10, 20, 900], np.int64) + START_US
    events = pack_events(t, [3, 65_535, 3, 3], [2, 65_535, 60_000, 2], [1, 1, 0, 1])
    packet = EventPacket(events, SENSOR, START_US, START_US + 100)
    for placement in ("trailing", "closed"):
        for polarity in ("signed", "two_channel"):
            spec = VoxelGridSpec(placement=placement, polarity=polarity)
            guarded = np.full(spec.num_channels * 35 + 2 * 35, 7, np.float32)
            voxel_grid(packet, spec, out=guarded[35:-35].reshape(-1, 5, 7))
            assert (guarded[:35] == 7).all()
            assert (guarded[-35:] == 7).all()


def test_event_pretrains_grid_shares_an_event_between_the_bins_beside_its_time() -> None:
    random = np.random.default_rng(0)
    num, first_us = 200, 10**15 + 123
    t = np.sort(random.integers(0, 40_000, num)) + first_us
    x, p = random.integers(0, 7, num), random.integers(0, 2, num)
    events = pack_events(t, x, np.zeros(num), p)
    packet = EventPacket(events, SENSOR, first_us - 5_000, first_us + 50_000)
    position = (5 - 1) * (t - t[0]) / (t[-1] - t[0])
    expected = np.zeros((5, 5, 7))
    for star, column, polarity in zip(position, x, p, strict=True):
        for bin_index in range(5):
            weight = max(0.0, 1 - abs(star - bin_index))
            expected[bin_index, 0, column] += (2 * int(polarity) - 1) * weight
    np.testing.assert_allclose(voxel_grid(packet, published("event_pretrain")), expected, atol=1e-5)
