from __future__ import annotations

import threading
import time

import pytest
from stand_in_devices import StandInCameras, StandInDevice, store

from events.live.child_acquisition import ChildAcquisition
from events.packet import SensorSize
from events.sources.camera import CameraSource
from events.sources.open import open_source
from events.sources.source import Source, SourceError, SourceState

NOW_US = time.time_ns() // 1000


def source_of(device: object, serial: str | None = None) -> CameraSource:
    return CameraSource(serial, cameras=StandInCameras({"STANDIN1": device}))


def test_without_a_camera_the_error_says_what_to_do() -> None:
    with pytest.raises(SourceError, match=r"no event camera found.*idVendor.*152a.*udevadm"):
        CameraSource(cameras=StandInCameras({})).__enter__()


def test_without_a_camera_dv_processing_itself_finds_none() -> None:
    if CameraSource.discover():
        pytest.skip("this machine has a camera")
    with pytest.raises(SourceError, match="no event camera found"):
        CameraSource().__enter__()
    with pytest.raises(SourceError, match="no event camera found"):
        CameraSource("DXA00000", in_child=True).__enter__()


def test_an_unknown_serial_number_is_told_with_the_known_ones() -> None:
    with pytest.raises(SourceError, match="no camera with the serial number X9: found STANDIN1"):
        source_of(StandInDevice(), "X9").__enter__()


def test_without_permission_the_udev_line_is_given() -> None:
    refusal = RuntimeError("Failed to open USB device. This usually happens due to permissions.")
    with pytest.raises(SourceError, match=r"permissions.*udev"):
        source_of(refusal).__enter__()


def test_an_open_camera_is_a_live_source_with_its_name_and_sensor() -> None:
    with source_of(StandInDevice(), "STANDIN1") as source:
        assert isinstance(source, Source)
        assert (source.name, source.sensor) == ("DVXplorer_STANDIN1", SensorSize(64, 48))
        assert source.is_live
        assert source.status.state is SourceState.RUNNING


def test_streams_that_nobody_reads_are_switched_off() -> None:
    device = StandInDevice()
    with source_of(device):
        assert device.switches == {"gyroscope": False}
        assert device.interval is not None


def test_events_come_in_touching_packets_and_the_clock_goes_on() -> None:
    device = StandInDevice([store((NOW_US, 1, 2, True), (NOW_US + 5, 3, 4, False))])
    with source_of(device) as source:
        packets = []
        for packet in source.packets():
            packets.append(packet)
            if len(packets) == 30:
                source.stop()
    assert sum(map(len, packets)) == 2
    assert all(p.end_us >= p.start_us for p in packets)
    assert packets[-1].end_us > packets[10].end_us
    assert source.status.state is SourceState.ENDED


@pytest.mark.parametrize("number", [1, 300])
def test_events_of_one_instant_arrive_together(number: int) -> None:
    events = [(10**15, i % 64, i % 48, True) for i in range(number)]
    with source_of(StandInDevice([store(*events)])) as source:
        packet = next(packet for packet in source.packets() if len(packet))
    assert packet.t.tolist() == [10**15] * number
    assert packet.start_us <= 10**15 < packet.end_us


def test_pulling_the_plug_ends_the_stream_with_a_sentence_after_the_last_events() -> None:
    device = StandInDevice([store((NOW_US, 1, 2, True))])
    with source_of(device) as source:
        stream = source.packets()
        packets = [next(stream)]
        device.is_plugged_in = False
        device.batches.append(store((NOW_US + 9, 1, 2, True)))
        with pytest.raises(SourceError, match="DVXplorer_STANDIN1 was unplugged: plug it in"):
            packets.extend(stream)
        assert sum(map(len, packets)) == 2
        assert source.status.state is SourceState.ENDED


def test_stop_from_another_thread_ends_the_stream_at_once() -> None:
    with source_of(StandInDevice()) as source:
        threading.Timer(0.05, source.stop).start()
        for _ in source.packets():
            pass
    assert source.status.state is SourceState.ENDED


def test_controls_are_there_while_the_camera_is_open() -> None:
    source = source_of(StandInDevice())
    assert source.controls() == []
    with source:
        assert source.set_control("contrast_threshold_on", 3).value == 3
        assert {c.name: c.value for c in source.controls()}["contrast_threshold_on"] == 3
    with pytest.raises(ValueError, match="not open"):
        source.set_control("contrast_threshold_on", 3)


def test_the_sensor_is_unknown_before_opening() -> None:
    with pytest.raises(SourceError, match="not open yet"):
        _ = CameraSource().sensor


@pytest.mark.parametrize("in_child", [False, True])
def test_a_camera_is_read_where_the_user_asks(in_child: bool) -> None:
    source = open_source("camera:X1", in_child=in_child)
    assert isinstance(source, CameraSource)
    assert isinstance(source._acquisition, ChildAcquisition) is in_child
    assert source.controls() == []
    with pytest.raises(ValueError, match="crop cannot be set: the camera is not open"):
        source.set_control("crop", (0, 0, 1, 1))
