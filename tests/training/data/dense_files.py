"""Tiny data sets in the official layouts of DSEC, MVSEC, DDD17, EventScape, M3ED, E-TartanAir."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import numpy.typing as npt
from PIL import Image

from events.packet import EventArray, SensorSize, pack_events

START_US = 10**15
"""As Unix time."""
NUM_PICTURES = 12
PICTURE_US = 50_000
SPAN_US = NUM_PICTURES * PICTURE_US
TIMES_US = START_US + PICTURE_US * np.arange(NUM_PICTURES, dtype=np.int64)
Q = [[1, 0, 0, -320], [0, 1, 0, -240], [0, 0, 0, 550.0], [0, 0, 1 / 0.6, 0]]
CALIBRATION = f"""
intrinsics:
  camRect0: {{camera_matrix: [550.0, 550.0, 320.0, 240.0]}}
  camRect1: {{camera_matrix: [275.0, 275.0, 180.0, 135.0]}}
extrinsics:
  T_10: [[1, 0, 0, 0.05], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
  R_rect0: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
  R_rect1: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
disparity_to_depth:
  cams_03: {Q}
"""
SHIFT = 3
"""Columns that the fixture's rectification moves events to the right."""


def some_events(sensor: SensorSize, start_us: int = START_US, num_events: int = 8000) -> EventArray:
    """Return events all over a sensor for as long as there are pictures."""
    rng = np.random.default_rng(5)
    t = start_us - PICTURE_US + np.sort(rng.integers(0, SPAN_US + PICTURE_US, num_events))
    x, y = rng.integers(0, sensor.width, num_events), rng.integers(0, sensor.height, num_events)
    return pack_events(t, x, y, rng.integers(0, 2, num_events))


def dsec_sequence(home: Path, *, split: str = "train", name: str = "zurich_city_00_a") -> Path:
    """Write events, pictures, disparity, semantics and calibration; return the folder.

    The pictures are a quarter of DSEC's in width and height, and so is their camera's matrix.
    """
    folder = home / "DSEC" / split / name
    _dsec_events(folder / "events/left")
    _pictures(folder / "images/left/rectified", (360, 270), "{:06d}.png", range(NUM_PICTURES))
    _lines(folder / "images/timestamps.txt", TIMES_US)
    _file(folder / "calibration/cam_to_cam.yaml").write_text(CALIBRATION)
    semantic = folder / "semantic/left/11classes/data"
    for number in range(NUM_PICTURES):
        class_ids = np.full((440, 640), number % 11, np.uint8)
        class_ids[:, :320] = 255
        _save(semantic / f"{number:06d}.png", class_ids)
    _lines(folder / "semantic/timestamps.txt", TIMES_US)
    for number in range(0, NUM_PICTURES, 2):
        disparity = np.zeros((480, 640), np.uint16)
        disparity[:, 320:] = 256 * (number + 10)
        _save(folder / "disparity/event" / f"{number:06d}.png", disparity)
    _lines(folder / "disparity/timestamps.txt", TIMES_US[::2])
    return folder


def dsec(root: Path) -> None:
    dsec_sequence(root)
    dsec_sequence(root, name="zurich_city_10_a")
    dsec_sequence(root, split="test", name="zurich_city_13_a")


def mvsec(root: Path) -> None:
    sensor = SensorSize(346, 260)
    for name in ("outdoor_day2", "outdoor_night1"):
        events = some_events(sensor)
        p = events["p"] * 2.0 - 1
        rows = np.stack([events["x"], events["y"], events["t"] / 1e6, p], 1)
        with h5py.File(_file(root / f"MVSEC/outdoor/{name}_data.hdf5"), "w") as file:
            file.create_dataset("davis/left/events", data=rows, chunks=(1000, 4))
            grey = np.arange(NUM_PICTURES, dtype=np.uint8)[:, None, None]
            pixels = np.broadcast_to(grey, (NUM_PICTURES, 260, 346))
            file.create_dataset("davis/left/image_raw", data=pixels, compression="gzip")
            file["davis/left/image_raw_ts"] = TIMES_US / 1e6
        with h5py.File(_file(root / f"MVSEC/outdoor/{name}_gt.hdf5"), "w") as file:
            depth_m = np.full((NUM_PICTURES, 260, 346), np.nan, np.float32)
            depth_m[:, 130:] = 10 + np.arange(NUM_PICTURES)[:, None, None]
            _array(file, "davis/left/depth_image_raw", depth_m)
            file["davis/left/depth_image_raw_ts"] = TIMES_US / 1e6


def ddd17(root: Path) -> None:
    for number in (0, 1):
        folder = root / f"DDD17/dir{number}"
        events = some_events(SensorSize(346, 260))
        (_file(folder / "events.dat.t")).write_bytes((events["t"] * 1000).astype("<i8").tobytes())
        xyp = np.stack([events["x"], events["y"], events["p"]], 1).astype("<i2")
        (folder / "events.dat.xyp").write_bytes(xyp.tobytes())
        before = np.searchsorted(events["t"], TIMES_US)
        since = np.searchsorted(events["t"], TIMES_US - PICTURE_US)
        np.save(
            _file(folder / "index/index_50ms.npy"), np.stack([TIMES_US * 1000, before, since], 1)
        )
        for shot in range(NUM_PICTURES):
            class_ids = np.full((200, 346), shot % 6, np.uint8)
            class_ids[:, :100] = 255
            _save(folder / f"segmentation_masks/segmentation_{shot + 1:08d}.png", class_ids)
        names = range(1, NUM_PICTURES + 1)
        _pictures(folder / "imgs", (346, 260), "img_{:08d}.png", names)


def eventscape(root: Path, unit_us: float = 1e-3) -> None:
    """``unit_us`` is how many microseconds an event's time is counted in."""
    for place in ("Town01-03_train/Town01/sequence_0", "Town05_val/sequence_7"):
        folder = root / "EventScape" / place
        start_us = 12_000_000
        times_us = start_us + PICTURE_US * np.arange(5)
        for number, end_us in enumerate(times_us.tolist()):
            events = some_events(SensorSize(512, 256), start_us)
            late = events["t"] > end_us - PICTURE_US
            part = events[late & (events["t"] <= end_us)]
            np.savez(
                _file(folder / f"events/data/01_001_{number:04d}_events.npz"),
                x=part["x"],
                y=part["y"],
                t=(part["t"] / unit_us).round().astype(np.int64),
                p=part["p"].astype(bool),
            )
            depth_m = np.full((256, 512), 1000.0, np.float32)
            depth_m[128:] = 5 + number
            np.save(_file(folder / f"depth/data/01_001_{number:04d}_depth.npy"), depth_m)
            tags = np.zeros((256, 512, 3), np.uint8)
            tags[128:, :, 0] = 7
            _save(folder / f"semantic/data/01_001_{number:04d}_gt_labelIds.png", tags)
        _pictures(folder / "rgb/data", (512, 256), "01_001_{:04d}_image.png", range(5))
        rows = [f"{number} {t_us / 1e6:.6f}" for number, t_us in enumerate(times_us)]
        (folder / "events/data/timestamps.txt").write_text("\n".join(rows) + "\n")


def m3ed(root: Path) -> None:
    sensor = SensorSize(1280, 720)
    folder = root / "M3ED/car_urban_day_horse"
    path = _file(folder / "car_urban_day_horse_data.h5")
    events = some_events(sensor, 0)
    events = events[events["t"] >= 0]
    with h5py.File(path, "w") as file:
        for field in "txyp":
            file[f"prophesee/left/{field}"] = events[field]
        file["prophesee/left/calib/resolution"] = [1280, 720]
        file["prophesee/left/calib/intrinsics"] = [1000.0, 1000, 640, 360]
        file["ovc/rgb/calib/intrinsics"] = [1000.0, 1000, 640, 400]
        file["ovc/rgb/calib/T_to_prophesee_left"] = np.eye(4)
        file["ovc/ts"] = TIMES_US - START_US
        colours = np.zeros((NUM_PICTURES, 800, 1280, 3), np.uint8)
        colours[:] = [[[10, 20, 30]]]
        _array(file, "ovc/rgb/data", colours)
    with h5py.File(folder / "car_urban_day_horse_depth_gt.h5", "w") as file:
        depth_m = np.full((NUM_PICTURES // 2, 720, 1280), np.inf, np.float32)
        depth_m[:, 360:] = 4
        _array(file, "depth/prophesee/left", depth_m)
        file["ts"] = (TIMES_US - START_US)[::2]
    with h5py.File(folder / "car_urban_day_horse_semantics.h5", "w") as file:
        class_ids = np.full((NUM_PICTURES, 720, 1280, 1), 255, np.uint8)
        class_ids[:, 360:] = 13
        _array(file, "predictions", class_ids)
        _array(file, "warped_image", colours[:, :720])
        file["ts"] = TIMES_US - START_US


def e_tartanair(root: Path) -> None:
    for place in ("office/Easy/P000", "hospital/Hard/P001"):
        folder = root / "E-TartanAir" / place
        for number in range(3):
            name = f"{number:06d}_{number + 1:06d}_event.hdf5"
            events = some_events(SensorSize(640, 480), 0, 500)
            t = events["t"] - events["t"][0] + 10**6 * number
            with h5py.File(_file(folder / "event_left" / name), "w") as file:
                file.create_dataset("x", data=events["x"], compression="lzf")
                file.create_dataset("y", data=events["y"], compression="lzf")
                file.create_dataset("t", data=t.astype(np.float32), compression="lzf")
                file.create_dataset("p", data=events["p"].astype(np.int8), compression="lzf")
        _pictures(folder / "image_left", (640, 480), "{:06d}_left.png", range(4))
        for number in range(4):
            depth_m = np.full((480, 640), 10_000.0, np.float32)
            depth_m[240:] = 3
            np.save(_file(folder / f"depth_left/{number:06d}_left_depth.npy"), depth_m)


WRITERS: dict[str, Callable[[Path], None]] = {
    "dsec": dsec,
    "dsec_semantic": dsec,
    "dsec_depth": dsec,
    "mvsec": mvsec,
    "ddd17": ddd17,
    "eventscape": eventscape,
    "m3ed": m3ed,
    "m3ed_depth": m3ed,
    "e_tartanair": e_tartanair,
}
"""What writes the files of each data set."""


class Originals:
    """Each data set written once, of which copies may be damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def root(self, name: str) -> Path:
        """Return the folder of the data sets with one in it, not to be changed."""
        root = self.folder / WRITERS[name].__name__
        if not root.exists():
            WRITERS[name](root)
        return root

    def copy(self, name: str, to: Path) -> Path:
        shutil.copytree(self.root(name), to, dirs_exist_ok=True)
        return to


def damage(path: Path, array: str = "") -> None:
    """Overwrite the middle of a file; of an HDF5 file the middle chunk of an array."""
    start, size = path.stat().st_size // 2, 64
    if array:
        with h5py.File(path, "r") as file:
            chunks = file[array].id
            info = chunks.get_chunk_info(chunks.get_num_chunks() // 2)
            start, size = info.byte_offset, info.size
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xff" * size)


def cut(path: Path) -> None:
    """Leave the first half of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _dsec_events(folder: Path) -> None:
    events = some_events(SensorSize(640, 480))
    t = events["t"] - events["t"][0]
    filters: dict[str, Any] = dict(hdf5plugin.Blosc(cname="zstd"))
    with h5py.File(_file(folder / "events.h5"), "w") as file:
        columns = {"t": t.astype(np.uint32), "x": events["x"], "y": events["y"], "p": events["p"]}
        for name, column in columns.items():
            file.create_dataset(f"events/{name}", data=column, chunks=(500,), **filters)
        last_ms = int(t[-1]) // 1000 + 1
        file["ms_to_idx"] = np.searchsorted(t, np.arange(last_ms + 1) * 1000).astype(np.uint64)
        file["t_offset"] = np.int64(events["t"][0])
    places = np.stack(np.meshgrid(np.arange(640) + SHIFT + 0.2, np.arange(480)), 2)
    with h5py.File(folder / "rectify_map.h5", "w") as file:
        _array(file, "rectify_map", places.astype(np.float32))


def _pictures(folder: Path, size: tuple[int, int], name: str, numbers: range) -> None:
    """Write pictures that get redder, and are green in their left half."""
    for number in numbers:
        pixels = np.zeros((size[1], size[0], 3), np.uint8)
        pixels[:, :, 0] = 10 * (number % 25)
        pixels[:, : size[0] // 2, 1] = 200
        _save(folder / name.format(number), pixels)


def _save(path: Path, pixels: npt.NDArray[Any]) -> None:
    Image.fromarray(pixels).save(_file(path), compress_level=1)


def _array(file: h5py.File, name: str, values: npt.NDArray[Any]) -> None:
    chunks = (1, *values.shape[1:])
    file.create_dataset(name, data=values, chunks=chunks, compression="lzf")


def _lines(path: Path, values: npt.NDArray[np.int64]) -> None:
    _file(path).write_text("".join(f"{value}\n" for value in values))


def _file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
