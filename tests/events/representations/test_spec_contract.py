"""What each representation keeps: parametrised over the files of the folder."""

from __future__ import annotations

import dataclasses
import importlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.packet import EventPacket, SensorSize, empty_packet, pack_events
from events.representations.letterbox import Letterbox
from events.representations.representation import Spec, describe_spec, make_spec, spec_kinds
from events.representations.sliding import SlidingGrid

SENSOR = SensorSize(31, 22)
START_US, DURATION_US = 10**15, 50_000
END_US = START_US + DURATION_US
BOXES = {
    "smaller": Letterbox(SENSOR, 12, 16),
    "same": Letterbox(SENSOR, 22, 31),
    "larger": Letterbox(SENSOR, 40, 64),
    "wide": Letterbox(SENSOR, 22, 64),
}
KINDS = spec_kinds()


def module_of(kind: str) -> Any:
    return importlib.import_module(f"events.representations.{kind}")


def specs_of(kind: str) -> list[Spec]:
    """Return the default Spec and the published one."""
    return [module_of(kind).spec(), module_of(kind).published()]


def packet_of(num_events: int, *, instant_us: int | None = None, seed: int = 0) -> EventPacket:
    random = np.random.default_rng(seed)
    t = np.sort(random.integers(START_US, END_US, num_events))
    if instant_us is not None:
        t[:] = instant_us
    x, y = random.integers(0, SENSOR.width, num_events), random.integers(0, 22, num_events)
    events = pack_events(t, x, y, random.integers(0, 2, num_events))
    return EventPacket(events, SENSOR, START_US, END_US)


PACKETS = {
    "none": empty_packet(SENSOR, START_US, END_US),
    "no_time": empty_packet(SENSOR, START_US, START_US),
    "one": packet_of(1),
    "one_instant": packet_of(300, instant_us=START_US + 40_000),
    "many": packet_of(4000),
}
CASES = [(kind, spec) for kind in KINDS for spec in specs_of(kind)]
over_specs = pytest.mark.parametrize(
    "spec", [spec for _, spec in CASES], ids=[kind for kind, _ in CASES]
)
over_packets = pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS)
over_boxes = pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)


@over_specs
@over_packets
def test_a_packet_becomes_finite_planes_of_the_sensors_size(
    spec: Spec, packet: EventPacket
) -> None:
    before = packet.events.tobytes()
    built = spec.build(packet)
    assert built.shape == (spec.num_channels, SENSOR.height, SENSOR.width)
    assert built.dtype == np.float32
    assert np.isfinite(built).all()
    assert packet.events.tobytes() == before


@over_specs
@over_packets
@over_boxes
def test_network_input_is_finite_and_the_same_in_memory_of_any_content(
    spec: Spec, packet: EventPacket, box: Letterbox
) -> None:
    before = packet.events.tobytes()
    fresh = spec.network_input(packet, box)
    assert packet.events.tobytes() == before
    assert fresh.shape == (spec.num_channels, box.height, box.width)
    assert fresh.dtype == np.float32
    assert np.isfinite(fresh).all()
    out = np.full_like(fresh, np.nan)
    assert spec.network_input(packet, box, out) is out
    np.testing.assert_array_equal(out, fresh)


@over_specs
@over_boxes
def test_margins_are_as_a_scene_without_events(spec: Spec, box: Letterbox) -> None:
    seen = spec.network_input(PACKETS["many"], box)
    quiet = spec.network_input(PACKETS["none"], box)
    assert not np.array_equal(seen, quiet)
    is_margin = np.ones(seen.shape[1:], bool)
    top, left, height, width = box.content
    is_margin[top : top + height, left : left + width] = False
    for plane in seen:
        assert len(np.unique(plane[is_margin])) == (1 if is_margin.any() else 0)
    for plane in quiet:
        assert np.ptp(plane) <= 1e-5


@over_specs
@over_boxes
def test_the_reference_defines_the_values(spec: Spec, box: Letterbox) -> None:
    kind = describe_spec(spec)["kind"]
    reference = getattr(module_of(kind), f"{kind}_reference")
    for name, packet in PACKETS.items():
        expected = reference(packet, spec)
        np.testing.assert_allclose(spec.build(packet), expected, atol=1e-5, err_msg=name)
        if kind != "voxel_grid":  # its cells are tested with the sliding grid
            expected = reference(packet, spec, box)
            made = spec.network_input(packet, box)
            np.testing.assert_allclose(made, expected, atol=1e-5, err_msg=name)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(["red_blue", "count_map", "count_chunks"]),  # sums without rounding
    sizes=st.tuples(*[st.integers(1, 60)] * 4),
    num=st.integers(0, 2000),
    seed=st.integers(0, 99),
)
def test_the_reference_defines_the_values_at_any_size(
    kind: str, sizes: tuple[int, int, int, int], num: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    sensor = SensorSize(*sizes[:2])
    place = random.random((2, num)) ** 2 * np.array([[sensor.width], [sensor.height]])
    t = START_US + np.sort(random.integers(0, DURATION_US, num))
    events = pack_events(t, *place.astype(int), random.integers(0, 2, num))
    packet = EventPacket(events, sensor, START_US, END_US)
    spec, box = module_of(kind).spec(), Letterbox(sensor, *sizes[2:])
    expected = getattr(module_of(kind), f"{kind}_reference")(packet, spec, box)
    np.testing.assert_allclose(spec.network_input(packet, box), expected, atol=1e-5)


@over_specs
def test_an_input_of_the_sensors_size_is_what_build_returns(spec: Spec) -> None:
    packet = PACKETS["many"]
    np.testing.assert_array_equal(spec.network_input(packet, BOXES["same"]), spec.build(packet))


@over_specs
def test_time_may_start_anywhere(spec: Spec) -> None:
    packet = PACKETS["many"]
    events: Any = packet.events.copy()
    events["t"] -= START_US
    early = EventPacket(events, SENSOR, 0, DURATION_US)
    np.testing.assert_array_equal(spec.build(early), spec.build(packet))


@over_specs
def test_a_spec_travels_as_json(spec: Spec) -> None:
    values = json.loads(json.dumps(describe_spec(spec)))
    assert make_spec(values) == spec
    assert hash(make_spec(values)) == hash(spec)


@over_specs
def test_a_window_of_a_stream_is_what_it_is_alone(spec: Spec) -> None:
    stream = packet_of(3000, seed=1)
    before = stream.events.tobytes()
    sliding = SlidingGrid(spec, BOXES["smaller"], 20_000)
    for start_us in range(START_US, END_US - 20_000, 8_000):
        part = stream.between(start_us, start_us + 20_000)
        expected = spec.network_input(part, BOXES["smaller"])
        np.testing.assert_allclose(sliding.grid(part), expected, atol=1e-5)
    assert stream.events.tobytes() == before


@over_specs
def test_what_does_not_fit_is_refused(spec: Spec) -> None:
    packet, box = PACKETS["many"], BOXES["smaller"]
    with pytest.raises(ValueError, match="made for a 9x9 sensor, got a packet of 31x22"):
        spec.network_input(packet, Letterbox(SensorSize(9, 9), 12, 16))
    with pytest.raises(ValueError, match="out must be C-contiguous float32 of shape"):
        spec.network_input(packet, box, np.empty((1, 12, 16), np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_choice_or_preset_names_the_known_ones(kind: str) -> None:
    with pytest.raises(ValueError, match=r"coffee.*; there"):
        module_of(kind).published("coffee")
    spec = module_of(kind).spec()
    for field in dataclasses.fields(spec):
        if isinstance(getattr(spec, field.name), str):
            with pytest.raises(ValueError, match=rf"{field.name} must be one of .*, got 'coffee'"):
                dataclasses.replace(spec, **{field.name: "coffee"})


@over_specs
def test_events_off_the_sensor_do_not_break_memory(spec: Spec) -> None:
    t = np.array([-50, 10, 20, 90_000]) + START_US
    events = pack_events(t, [3, 65_535, 3, 3], [2, 65_535, 60_000, 2], [1, 1, 0, 1])
    packet = EventPacket(events, SENSOR, START_US, END_US)
    guard = 1000
    for box in BOXES.values():
        shape = (spec.num_channels, box.height, box.width)
        size = int(np.prod(shape))
        guarded = np.full(size + 2 * guard, 7, np.float32)
        spec.network_input(packet, box, guarded[guard:-guard].reshape(shape))
        assert (guarded[:guard] == 7).all()
        assert (guarded[-guard:] == 7).all()
