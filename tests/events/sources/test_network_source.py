from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from stand_in_camera import free_port

from events.live.live_source import POLL_S
from events.packet import SensorSize
from events.sources.network import NetworkSource
from events.sources.source import Source, SourceError, SourceState


@contextlib.contextmanager
def foreign_server(reply: bytes) -> Iterator[str]:
    """A server that accepts, says ``reply`` and then nothing; its address."""
    connections: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connections.append(listener.accept()[0])
                connections[-1].sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
    for connection in connections:
        connection.close()


def child_of(source: NetworkSource) -> int | None:
    return source._acquisition.pid  # type: ignore[attr-defined]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().split(") ")[1][0] != "Z"


@pytest.mark.parametrize("address", [None, "unix"])
def test_every_event_of_a_camera_arrives_in_touching_packets(stand_in_camera, address) -> None:
    camera = stand_in_camera(address, pattern="counting", rate=50_000, width=64, height=48)
    with NetworkSource(camera.address) as source:
        assert isinstance(source, Source)
        assert source.sensor == SensorSize(64, 48)
        assert source.name == "STANDIN_00000001"
        packets = []
        for packet in source.packets():
            packets.append(packet)
            if sum(map(len, packets)) > 20_000:
                source.stop()
    first = next(i for i, packet in enumerate(packets) if len(packet))  # tells the stream's time
    assert all(a.end_us == b.start_us for a, b in pairwise(packets[first:]))
    cells = np.concatenate([p.x.astype(int) + 64 * p.y for p in packets])
    assert np.all(np.diff(cells) % (64 * 48) == 1)
    assert all(np.all(p.p == p.x % 2) for p in packets)
    assert sum(p.num_lost for p in packets) == source.status.num_lost == 0
    assert source.status.state is SourceState.ENDED


def test_a_quiet_camera_yields_empty_packets_and_time_goes_on(stand_in_camera) -> None:
    camera = stand_in_camera(pattern="quiet")
    with NetworkSource(camera.address) as source:
        packets = []
        for packet in source.packets():
            packets.append(packet)
            if packet.end_us - packets[0].start_us > 400_000:
                break
    assert len(packets) > 2
    assert POLL_S <= 1 / 60  # one packet a poll, whatever this machine's load does to the count
    assert all(a.end_us == b.start_us for a, b in pairwise(packets))
    assert sum(map(len, packets)) == 0


def test_events_outside_the_declared_sensor_are_dropped_and_counted(stand_in_camera) -> None:
    camera = stand_in_camera(pattern="outside", width=64, height=48)
    with NetworkSource(camera.address) as source:
        num_events = num_lost = 0
        for packet in source.packets():
            assert not np.any((packet.x >= 64) | (packet.y >= 48))
            num_events, num_lost = num_events + len(packet), num_lost + packet.num_lost
            if num_events > 5_000:
                break
        assert num_lost == source.status.num_lost
    assert 2 < num_lost / num_events < 4  # three quarters of the places lie outside


def test_a_killed_camera_is_noticed_time_goes_on_and_its_return_is_taken_up(
    stand_in_camera,
) -> None:
    camera = stand_in_camera("unix")
    states, messages, ends_us = [], set(), []
    with NetworkSource(camera.address) as source:
        phase, killed_s, num_back = "before", 0.0, 0
        for packet in source.packets():
            states.append(source.status.state)
            if phase == "before" and len(packet):
                camera.unplug()
                phase, killed_s = "killed", time.monotonic()
            elif phase == "killed" and source.status.state is SourceState.RECONNECTING:
                assert time.monotonic() - killed_s < 1
                phase = "noticed"
            elif phase == "noticed":
                messages.add(source.status.message)
                ends_us.append(packet.end_us)
                if ends_us[-1] - ends_us[0] > 300_000:
                    camera.start()  # at the socket that its killed forerunner left behind
                    phase = "restarted"
            elif phase == "restarted":
                num_back += len(packet)
                if num_back > 1_000:
                    break
        assert source.status.state is SourceState.RUNNING
        assert "reconnecting" not in source.status.message
    assert any("reconnecting in 1 s" in message for message in messages)
    assert states.index(SourceState.RECONNECTING) > 0


def test_a_camera_that_ends_mid_stream_has_its_last_events_delivered(stand_in_camera) -> None:
    camera = stand_in_camera(pattern="counting", rate=20_000, seconds=0.5, width=64, height=48)
    with NetworkSource(camera.address) as source:
        num_events = 0
        for packet in source.packets():
            num_events += len(packet)
            if source.status.state is SourceState.RECONNECTING and not len(packet):
                break
    assert 0 < num_events <= 10_000


def test_another_sensor_at_the_same_address_is_refused(stand_in_camera) -> None:
    camera = stand_in_camera(width=64, height=48)
    with NetworkSource(camera.address) as source:
        stream = source.packets()
        next(stream)
        camera._options["width"] = 128
        camera.unplug()
        camera.start()
        with pytest.raises(SourceError, match="sensor of 128x48 instead of 64x48 pixels"):
            for _ in stream:
                pass


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(range(256)) * 64]
)
def test_a_silent_or_foreign_server_is_given_up_in_time(reply: bytes) -> None:
    with foreign_server(reply) as address:
        source = NetworkSource(address, connect_limit_s=0.4)
        with pytest.raises(SourceError, match=r"did not answer|: "):
            source.__enter__()
        assert child_of(source) is None


def test_a_server_without_events_is_told_from_a_silent_one(stand_in_camera) -> None:
    camera = stand_in_camera(pattern="frames")
    with pytest.raises(SourceError, match="carries no event stream"):
        NetworkSource(camera.address).__enter__()


def test_opening_a_silent_server_can_be_stopped() -> None:
    with foreign_server(b"") as address:
        source = NetworkSource(address, connect_limit_s=60)
        threading.Timer(0.3, source.stop).start()
        with pytest.raises(SourceError, match="opening was stopped"):
            source.__enter__()
        assert child_of(source) is None


def test_an_absent_server_is_told_with_the_cure(tmp_path) -> None:
    for address in (f"tcp://127.0.0.1:{free_port()}", f"unix:{tmp_path}/none"):
        with pytest.raises(SourceError, match=f"{address}: no server there .*: start it first"):
            NetworkSource(address).__enter__()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("tcp://localhost", "must be tcp://HOST:PORT or unix:PATH"),
        ("http://localhost:80", "must be tcp://HOST:PORT or unix:PATH"),
        ("tcp://localhost:99999", "between 1 and 65535, got 99999"),
        ("unix:", "must be unix:PATH"),
    ],
)
def test_a_bad_address_is_refused_before_opening(address: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        NetworkSource(address)


def test_stop_ends_the_stream_at_once_and_leaves_no_process(stand_in_camera) -> None:
    camera = stand_in_camera(pattern="quiet")
    with NetworkSource(camera.address) as source:
        child = child_of(source)
        threading.Timer(0.1, source.stop).start()
        for _ in source.packets():
            pass
    assert child is not None
    assert not is_alive(child)


def test_a_killed_reader_is_replaced(stand_in_camera) -> None:
    camera = stand_in_camera()
    with NetworkSource(camera.address) as source:
        child, is_back = child_of(source), False
        for packet in source.packets():
            if child_of(source) == child and len(packet):
                os.kill(child, 9)
                child = -1
            is_back = child == -1 and child_of(source) not in (None, -1) and len(packet) > 0
            if is_back and source.status.state is SourceState.RUNNING:
                break
    assert is_back


def test_no_child_outlives_a_killed_parent(stand_in_camera) -> None:
    camera = stand_in_camera()
    program = (
        "import os, sys; from events.sources.network import NetworkSource\n"
        "source = NetworkSource(sys.argv[1]).__enter__()\n"
        "print(source._acquisition.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, camera.address]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as parent:
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    deadline_s = time.monotonic() + 5
    while is_alive(child) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert not is_alive(child)
