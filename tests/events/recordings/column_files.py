"""Tiny recordings in the layouts of HDF5, numpy, text, bin, Event Stream and ROS 1 bags."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from word_files import evt3_body

from events.packet import EventArray, SensorSize

SENSOR = SensorSize(64, 48)
UNIX_US = 10**15


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A layout: how a file of it is written, and what it cannot hold."""

    write: Callable[[Path, EventArray], None]
    suffix: str
    max_us: int = 2 * UNIX_US
    """The largest time that it can hold."""
    says_size: bool = False
    """Whether it says the sensor's size."""
    keeps_order: bool = True
    """Whether it can hold times that run backwards."""
    sensor: SensorSize | None = None
    """What an unknown size is taken for, where that is always the same."""


def dsec(path: Path, events: EventArray, offset_us: int | None = None, **filters: Any) -> None:
    """``filters`` are those of create_dataset."""
    first_us = int(events["t"][0]) if len(events) else 0
    offset_us = first_us - first_us % 1000 if offset_us is None else offset_us
    t = events["t"] - offset_us
    with h5py.File(path, "w") as file:
        for name, column in (("t", t), ("x", events["x"]), ("y", events["y"]), ("p", events["p"])):
            file.create_dataset(
                f"events/{name}", data=column, chunks=(64,) if filters else None, **filters
            )
        last_ms = int(t[-1]) // 1000 + 1 if len(t) else 0
        if last_ms < 100_000:
            file["ms_to_idx"] = np.searchsorted(t, np.arange(last_ms + 1) * 1000).astype(np.uint64)
        file["t_offset"] = np.int64(offset_us)


def m3ed(path: Path, events: EventArray) -> None:
    with h5py.File(path, "w") as file:
        for name in "txyp":
            file[f"prophesee/left/{name}"] = events[name]
            file[f"prophesee/right/{name}"] = events[name][:1]
        file["prophesee/left/calib/resolution"] = [1280, 720]


def metavision(path: Path, events: EventArray) -> None:
    kind = np.dtype([("x", "<u2"), ("y", "<u2"), ("p", "<i2"), ("t", "<i8")])
    rows = np.empty(len(events), kind)
    for name in "txyp":
        rows[name] = events[name]
    with h5py.File(path, "w") as file:
        file["CD/events"] = rows
        file["CD/indexes"] = np.zeros(0, [("id", "<u8"), ("ts", "<i8")])
        file.attrs["geometry"] = str(SENSOR)
        file.attrs["serial_number"] = "0042"


def mvsec(path: Path, events: EventArray) -> None:
    rows = np.stack([events["x"], events["y"], events["t"] / 1e6, events["p"] * 2.0 - 1], 1)
    with h5py.File(path, "w") as file:
        file["davis/left/events"] = rows
        file["davis/left/image_raw"] = np.full((2, 48, 64), 7, np.uint8)
        start_s = events["t"][0] / 1e6 if len(events) else 0.0
        file["davis/left/image_raw_ts"] = start_s + np.array([0.0, 0.05])


def event_utils(path: Path, events: EventArray) -> None:
    with h5py.File(path, "w") as file:
        file["events/ts"] = events["t"] / 1e6
        file["events/xs"], file["events/ys"] = events["x"], events["y"]
        file["events/ps"] = events["p"].astype(bool)
        file.attrs["sensor_resolution"] = (SENSOR.height, SENSOR.width)


def v2e(path: Path, events: EventArray) -> None:
    with h5py.File(path, "w") as file:
        file["events"] = table(events, "txyp").astype(np.int64)


def table(events: EventArray, order: str) -> np.ndarray:
    return np.stack([events[name].astype(np.float64) for name in order], 1)


def npz(path: Path, events: EventArray) -> None:
    np.savez_compressed(path, **{name: events[name] for name in "txyp"})


def npz_seconds(path: Path, events: EventArray) -> None:
    signs = events["p"].astype(np.int8) * 2 - 1
    columns = {"timestamps": events["t"] / 1e6, "xs": events["x"], "ys": events["y"]}
    np.savez(path, **columns, polarity=signs, width=SENSOR.width, height=SENSOR.height)


def nimagenet(path: Path, events: EventArray) -> None:
    kind = np.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("p", "?")])
    rows = np.empty(len(events), kind)
    for name in "txyp":
        rows[name] = events[name]
    np.savez_compressed(path, event_data=rows)


def npy(path: Path, events: EventArray) -> None:
    np.save(path, table(events, "xytp"))


def npy_records(path: Path, events: EventArray) -> None:
    np.save(path, events)


def text_seconds(path: Path, events: EventArray) -> None:
    lines = [f"{t // 10**6}.{t % 10**6:06d} {x} {y} {p}\n" for t, x, y, p in events.tolist()]
    path.write_text("".join(lines))


def text_e2vid(path: Path, events: EventArray) -> None:
    text_seconds(path, events)
    path.write_text(f"{SENSOR.width} {SENSOR.height}\n{path.read_text()}")


def csv(path: Path, events: EventArray) -> None:
    lines = [f"{x},{y},{p},{t}\r\n" for t, x, y, p in events.tolist()]
    path.write_bytes(("x,y,polarity,timestamp [us]\r\n" + "".join(lines)).encode())


def nmnist(path: Path, events: EventArray) -> None:
    data = bytearray()
    for t, x, y, p in events.tolist():
        data += bytes([x, y, p << 7 | t >> 16 & 0x7F, t >> 8 & 0xFF, t & 0xFF])
    path.write_bytes(data)


def event_stream(path: Path, events: EventArray) -> None:
    data = bytearray(struct.pack("<12s3BB2H", b"Event Stream", 2, 0, 0, 1, 64, 48))
    last_us = 0
    for t, x, y, p in events.tolist():
        passed = t - last_us
        data += b"\xff" * (passed // 127)
        data += struct.pack("<B2H", passed % 127 << 1 | p, x, (47 - y) & 0xFFFF)
        last_us = t
    path.write_bytes(data)


def event_arrays(path: Path, events: EventArray, compression: str = "none") -> None:
    messages = [("dvs_msgs/EventArray", "/dvs/events", event_array(part)) for part in parts(events)]
    image = image_message(int(events["t"][0]) if len(events) else 0)
    write_bag(path, [*messages, ("sensor_msgs/Image", "/dvs/image_raw", image)], compression)


def event_packets(path: Path, events: EventArray) -> None:
    packed_events(path, [(b"evt3", 0, evt3_body(part)) for part in parts(events)])


def mono_packets(path: Path, events: EventArray) -> None:
    packets = []
    for part in parts(events):
        first_us = int(part["t"][0]) if len(part) else 0
        dt_ns = (part["t"] - first_us).astype("<u8") * 1000
        x, y, p = (part[name].astype("<u8") for name in "xyp")
        words = p << 63 | y << 48 | x << 32 | dt_ns
        packets.append((b"mono", first_us * 1000, words.astype("<u8").tobytes()))
    packed_events(path, packets)


def libcaer_packets(path: Path, events: EventArray) -> None:
    """The base of the times is half a second, and what the low 31 bits of the first one lack."""
    packets = []
    for part in parts(events):
        t = part["t"] - 500_000
        base_us = (int(t[0]) >> 31 << 31) + 500_000 if len(part) else 0
        x, y, p = (part[name].astype("<u4") for name in "xyp")
        address = x << 17 | y << 2 | p << 1 | 1
        rows = np.stack([address, t & 0x7FFFFFFF], 1).astype("<u4")
        packets.append((b"libcaer", base_us * 1000, rows.tobytes()))
    packed_events(path, packets)


def packed_events(path: Path, packets: Sequence[tuple[bytes, int, bytes]]) -> None:
    """Write event_camera_msgs of these encodings, bases of time in nanoseconds, and bytes."""
    messages = []
    for encoding, base_ns, data in packets:
        head = ros_header(0) + struct.pack("<2I2Q", SENSOR.height, SENSOR.width, 0, base_ns)
        body = head + string(encoding) + b"\0" + string(data)
        messages.append(("event_camera_msgs/EventPacket", "/event_camera/events", body))
    write_bag(path, messages, "bz2")


def parts(events: EventArray) -> list[EventArray]:
    return [events[start : start + 100] for start in range(0, max(len(events), 1), 100)]


def string(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def ros_header(t_us: int) -> bytes:
    return struct.pack("<3I", 0, t_us // 10**6, t_us % 10**6 * 1000) + string(b"camera")


def event_array(events: EventArray) -> bytes:
    head = ros_header(int(events["t"][0]) if len(events) else 0)
    data = head + struct.pack("<3I", SENSOR.height, SENSOR.width, len(events))
    for t, x, y, p in events.tolist():
        data += struct.pack("<HHIIB", x, y, t // 10**6, t % 10**6 * 1000, p)
    return data


def image_message(t_us: int, encoding: bytes = b"bgr8", channels: int = 3) -> bytes:
    pixels = bytes(range(channels)) * (64 * 48)
    size = struct.pack("<2I", 48, 64) + string(encoding)
    return ros_header(t_us) + size + struct.pack("<BI", 0, 64 * channels) + string(pixels)


def record(data: bytes, **fields: bytes) -> bytes:
    head = b"".join(string(name.encode() + b"=" + value) for name, value in fields.items())
    return string(head) + string(data)


def write_bag(
    path: Path, messages: Sequence[tuple[str, str, bytes]], compression: str = "none"
) -> None:
    """Write (type, topic, bytes) messages, three to a chunk, with the connections at the end."""
    import bz2

    import lz4.frame

    pack = {"none": bytes, "bz2": bz2.compress, "lz4": lz4.frame.compress}[compression]
    topics = sorted({(topic, kind) for kind, topic, _ in messages})
    ids = {topic: struct.pack("<I", number) for number, (topic, _) in enumerate(topics)}
    connections = [
        record(string(b"type=" + kind.encode()), op=b"\x07", conn=ids[topic], topic=topic.encode())
        for topic, kind in topics
    ]
    data = b"#ROSBAG V2.0\n" + record(b" " * 64, op=b"\x03")
    for start in range(0, len(messages), 3):
        chunk = b"".join(connections) if start == 0 else b""
        for _, topic, body in messages[start : start + 3]:
            chunk += record(body, op=b"\x02", conn=ids[topic], time=bytes(8))
        size = struct.pack("<I", len(chunk))
        data += record(pack(chunk), op=b"\x05", compression=compression.encode(), size=size)
    path.write_bytes(data + b"".join(connections))


def ddd17(path: Path, events: EventArray) -> None:
    path.write_bytes((events["t"] * 1000).astype("<i8").tobytes())
    triples = np.stack([events["x"], events["y"], events["p"]], 1)
    path.with_suffix(".xyp").write_bytes(triples.astype("<i2").tobytes())


LAYOUTS = {
    "dsec": Layout(write=dsec, suffix=".h5"),
    "m3ed": Layout(write=m3ed, suffix=".h5", sensor=SensorSize(1280, 720)),
    "metavision": Layout(write=metavision, suffix=".hdf5", says_size=True),
    "mvsec": Layout(write=mvsec, suffix=".hdf5", sensor=SensorSize(346, 260)),
    "event_utils": Layout(write=event_utils, suffix=".h5", says_size=True),
    "v2e": Layout(write=v2e, suffix=".h5"),
    "ddd17": Layout(write=ddd17, suffix=".dat.t", sensor=SensorSize(346, 260)),
    "npz": Layout(write=npz, suffix=".npz"),
    "npz_seconds": Layout(write=npz_seconds, suffix=".npz", says_size=True),
    "nimagenet": Layout(write=nimagenet, suffix=".npz", sensor=SensorSize(640, 480)),
    "npy": Layout(write=npy, suffix=".npy"),
    "npy_records": Layout(write=npy_records, suffix=".npy"),
    "text_seconds": Layout(write=text_seconds, suffix=".txt"),
    "text_e2vid": Layout(write=text_e2vid, suffix=".txt", says_size=True),
    "csv": Layout(write=csv, suffix=".csv"),
    "nmnist": Layout(
        write=nmnist, suffix=".bin", max_us=(1 << 23) - 1, sensor=SensorSize(304, 240)
    ),
    "event_stream": Layout(
        write=event_stream, suffix=".es", max_us=10**7, says_size=True, keeps_order=False
    ),
    "event_arrays": Layout(write=event_arrays, suffix=".bag", says_size=True),
    "event_packets": Layout(
        write=event_packets, suffix=".bag", max_us=(1 << 24) - 1, says_size=True, keeps_order=False
    ),
    "mono_packets": Layout(write=mono_packets, suffix=".bag", says_size=True, keeps_order=False),
    "libcaer_packets": Layout(
        write=libcaer_packets, suffix=".bag", says_size=True, keeps_order=False
    ),
}
