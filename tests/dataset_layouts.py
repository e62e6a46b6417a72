"""Tiny data sets in their official layouts: a few recordings each, by the formats' own writers."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from column_files import nimagenet, nmnist
from PIL import Image
from word_files import FORMS

from events.packet import EventArray, EventPacket, SensorSize, pack_events
from events.recordings.aedat4_writer import Aedat4Writer
from events.recordings.recording import Frame

SMALL = SensorSize(30, 30)
"""Events lie within it, whatever the sensor."""
NUM_EVENTS = 400
SYNSETS = "n01440764 tench, Tinca tinca\nn02085936 Maltese dog, Maltese terrier, Maltese\n"
Write = Callable[[Path, EventArray], object]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A data set and what a tiny one of it holds."""

    write: Callable[[Path], None]
    """Makes one under a root."""
    sensor: SensorSize | None
    """Of its windows; None is what is asked for."""
    num_train: int
    num_val: int
    files: str
    """Pattern of its recordings (or pictures, videos) under the root."""
    empty: Callable[[Path], object] | None = None
    """Writes a recording without events."""
    with_images: bool = False


def some_events(seed: int, num: int = NUM_EVENTS, start_us: int = 0) -> EventArray:
    random = np.random.default_rng(seed)
    t = start_us + np.sort(random.integers(0, 100_000, num))
    x, y = random.integers(0, SMALL.width, num), random.integers(0, SMALL.height, num)
    return pack_events(t, x, y, random.integers(0, 2, num))


def write_all(write: Write, paths: Iterable[Path]) -> None:
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, some_events(number))


def dvs128(path: Path, events: EventArray) -> None:
    FORMS["aedat2 dvs128"].write(path, events)


def gesture(path: Path, events: EventArray) -> None:
    FORMS["aedat3"].write(path, events)


def dat(path: Path, events: EventArray) -> None:
    header = b"% Data file containing CD events.\n% Version 2\n"  # N-Cars says no size
    path.write_bytes(header + FORMS["dat v2"].body(events))


def mat(path: Path, events: EventArray, *, order: str = "<") -> None:
    """As ASL-DVS: compressed vectors of doubles, the origin of y at the bottom."""
    columns = {"ts": events["t"], "x": events["x"], "y": 179 - events["y"].astype(int)}
    mark = b"IM" if order == "<" else b"MI"
    data = b"MATLAB 5.0 MAT-file, Platform: TEST".ljust(124) + struct.pack(f"{order}H", 256) + mark
    for name, values in {**columns, "pol": events["p"]}.items():
        packed = zlib.compress(_mat_vector(name, values.astype(f"{order}f8"), order))
        data += struct.pack(f"{order}2I", 15, len(packed)) + packed
    path.write_bytes(data)


def _mat_vector(name: str, values: np.ndarray, order: str) -> bytes:
    body = struct.pack(f"{order}4I", 6, 8, 6, 0) + struct.pack(f"{order}2I2i", 5, 8, len(values), 1)
    if len(name) <= 4:  # a short tag: number of bytes and type in four bytes
        short = (1, len(name)) if order == "<" else (len(name), 1)
        body += struct.pack(f"{order}2H", *short) + name.encode().ljust(4, b"\0")
    body += struct.pack(f"{order}2I", 9, values.nbytes) + values.tobytes()
    return struct.pack(f"{order}2I", 14, len(body)) + body


def asl_dvs(root: Path) -> None:
    home = root / "ASL-DVS"
    write_all(mat, (home / letter / f"{letter}_{i:04d}.mat" for letter in "ab" for i in range(5)))


def cifar10_dvs(root: Path) -> None:
    home = root / "CIFAR10-DVS"
    names = ("airplane", "bird")
    write_all(dvs128, (home / a / f"cifar10_{a}_{i}.aedat" for a in names for i in range(5)))


def n_caltech101(root: Path) -> None:
    home = root / "N-Caltech101"
    names = ("Faces_easy", "airplanes")
    paths = [Path(name) / f"image_{i:04d}.bin" for name in names for i in range(5)]
    write_all(nmnist, (home / "Caltech101" / path for path in paths))
    boxes = home / "Caltech101_annotations" / "airplanes" / "annotation_0000.bin"
    boxes.parent.mkdir(parents=True)
    boxes.write_bytes(bytes(20))
    for path in paths:
        write_picture(home / "101_ObjectCategories" / path.with_suffix(".jpg"), (60, 45))


def n_cars(root: Path) -> None:
    for split, number in (("train", 2), ("test", 1)):
        home = root / "N-Cars" / f"n-cars_{split}"
        names = ("background", "cars")
        write_all(dat, (home / a / f"obj_{i:06d}_td.dat" for a in names for i in range(number)))


def n_mnist(root: Path) -> None:
    for split, number in (("Train", 2), ("Test", 1)):
        home = root / "N-MNIST" / split
        write_all(nmnist, (home / digit / f"{i:05d}.bin" for digit in "07" for i in range(number)))


def n_imagenet(root: Path) -> None:
    home = root / "N_Imagenet"
    synsets = ("n01440764", "n02085936")
    for split, number in (("train", 2), ("val", 1)):
        paths = [Path(each) / f"{each}_{i}.npz" for each in synsets for i in range(number)]
        write_all(nimagenet, (home / f"extracted_{split}" / path for path in paths))
        for path in paths:
            write_picture(root / "ImageNet" / split / path.with_suffix(".JPEG"), (50, 40))
        lines = (f"/home/them/N_Imagenet/extracted_{split}/{path}\n" for path in paths)
        (home / f"{split}_list.txt").write_text("".join(lines))
    (home / "LOC_synset_mapping.txt").write_text(SYNSETS)


def n_imagenet_variants(root: Path) -> None:
    home = root / "N_Imagenet_cam"
    folders = ("extracted_val_mode_3", "extracted_val_brightness_7")
    synsets = ("n01440764", "n02085936")
    write_all(nimagenet, (home / a / b / f"{b}_1.npz" for a in folders for b in synsets))


def imagenet(root: Path) -> None:
    for split, number in (("train", 2), ("val", 1)):
        for synset in ("n01440764", "n02085936"):
            for i in range(number):
                write_picture(root / "ImageNet" / split / synset / f"{i}.JPEG", (64, 64))
    (root / "ImageNet" / "LOC_synset_mapping.txt").write_text(SYNSETS)


def dvs_gesture(root: Path) -> None:
    home = root / "DvsGesture"
    names = ("user01_fluorescent", "user24_led")
    write_all(gesture, (home / f"{name}.aedat" for name in names))
    for name in names:
        rows = "class,startTime_usec,endTime_usec\n1,10000,40000\n8,40000,90000\n"
        (home / f"{name}_labels.csv").write_text(rows)
    (home / "trials_to_train.txt").write_text("user01_fluorescent.aedat\n")
    (home / "trials_to_test.txt").write_text("user24_led.aedat\n\n")


def dvs_objects(root: Path) -> None:
    home = root / "recognition" / "dvs128_objects_biolab" / "aedat"
    home.mkdir(parents=True)
    for name in ("DataSet2_Caixa", "assets_video_chave_fenda"):
        parts = [some_events(i, start_us=i * 100_000) for i in range(5)]
        dvs128(home / f"{name}.aedat", np.concatenate(parts))


def nmnist_small(root: Path) -> None:
    parts = [some_events(i) for i in range(5)]
    (root / "recognition").mkdir(parents=True)
    events = np.concatenate(parts)
    np.savez(
        root / "recognition" / "nmnist_small_1100.npz",
        **{name: events[name] for name in "txyp"},
        offsets=np.arange(6) * NUM_EVENTS,
        label=np.array([0, 1, 2, 0, 1], np.uint8),
        is_test=np.arange(5) >= 3,
    )


def davis_frames(root: Path) -> None:
    (root / "recordings" / "more").mkdir(parents=True)
    write_davis(root / "recordings" / "more" / "a.aedat4", [i * 10_000 for i in range(10)])
    with Aedat4Writer(root / "recordings" / "without.aedat4", SMALL) as writer:
        writer.write(EventPacket(some_events(3), SMALL, 0, 100_000))


def write_davis(path: Path, times_us: list[int], exposure_us: int = 2_000) -> None:
    """Write a DAVIS's recording; frame i has 10 i in all but its first row and column."""
    with Aedat4Writer(path, SMALL, "DAVIS", kinds=("events", "frames")) as writer:
        writer.write(EventPacket(some_events(0), SMALL, 0, 100_000))
        for number, t_us in enumerate(times_us):
            pixels = np.full((29, 29), 10 * number, np.uint8)
            writer.write_frame(Frame(t_us, exposure_us, pixels, left=1, top=1))


def video(root: Path) -> None:
    (root / "video").mkdir()
    write_video(root / "video" / "a.mp4", 40)


def write_video(path: Path, num_frames: int) -> None:
    """Write a bright square that moves by a pixel a frame, 30 a second, in a 96x64 picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.gop_size = 96, 64, 10
        for number in range(num_frames):
            pixels = np.full((64, 96, 3), 40, np.uint8)
            pixels[20:40, 10 + number : 30 + number] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def imagenet1k(root: Path) -> None:
    for name in ("n02012849_crane", "n03126707_crane", "n01440764_tench"):
        write_picture(root / "images" / "imagenet1k_256" / f"{name}.jpg", (64, 64))


def write_picture(path: Path, size: tuple[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(path, "JPEG")


DVS128 = SensorSize(128, 128)
LAYOUTS = {
    "asl_dvs": Layout(
        write=asl_dvs, sensor=SensorSize(240, 180), num_train=8, num_val=2,
        files="ASL-DVS/*/*.mat", empty=lambda path: mat(path, some_events(0, 0)),
    ),
    "cifar10_dvs": Layout(
        write=cifar10_dvs, sensor=DVS128, num_train=8, num_val=2,
        files="CIFAR10-DVS/*/*.aedat", empty=lambda path: dvs128(path, some_events(0, 0)),
    ),
    "davis_frames": Layout(
        write=davis_frames, sensor=SMALL, num_train=7, num_val=2,
        files="recordings/more/*.aedat4", with_images=True,
    ),
    "dvs_gesture": Layout(
        write=dvs_gesture, sensor=DVS128, num_train=2, num_val=2,
        files="DvsGesture/*.aedat", empty=lambda path: gesture(path, some_events(0, 0)),
    ),
    "dvs_objects": Layout(
        write=dvs_objects, sensor=DVS128, num_train=8, num_val=2,
        files="recognition/dvs128_objects_biolab/aedat/*.aedat",
    ),
    "imagenet": Layout(
        write=imagenet, sensor=None, num_train=4, num_val=2,
        files="ImageNet/*/*/*.JPEG", with_images=True,
    ),
    "imagenet1k": Layout(
        write=imagenet1k, sensor=None, num_train=3, num_val=0,
        files="images/imagenet1k_256/*.jpg", with_images=True,
    ),
    "n_caltech101": Layout(
        write=n_caltech101, sensor=SensorSize(304, 240), num_train=8, num_val=2,
        files="N-Caltech101/Caltech101/*/*.bin", with_images=True,
    ),
    "n_cars": Layout(
        write=n_cars, sensor=SensorSize(120, 100), num_train=4, num_val=2,
        files="N-Cars/*/*/*.dat", empty=lambda path: dat(path, some_events(0, 0)),
    ),
    "n_imagenet": Layout(
        write=n_imagenet, sensor=SensorSize(640, 480), num_train=4, num_val=2,
        files="N_Imagenet/*/*/*.npz", empty=lambda path: nimagenet(path, some_events(0, 0)),
        with_images=True,
    ),
    "n_imagenet_variants": Layout(
        write=n_imagenet_variants, sensor=SensorSize(640, 480), num_train=0, num_val=4,
        files="N_Imagenet_cam/*/*/*.npz",
    ),
    "n_mnist": Layout(
        write=n_mnist, sensor=SensorSize(34, 34), num_train=4, num_val=2,
        files="N-MNIST/*/*/*.bin", empty=lambda path: path.write_bytes(bytes([0, 240, 0, 0, 9])),
    ),
    "nmnist_small": Layout(
        write=nmnist_small, sensor=SensorSize(34, 34), num_train=3, num_val=2,
        files="recognition/*.npz",
    ),
    "video": Layout(
        write=video, sensor=None, num_train=7, num_val=2, files="video/*.mp4", with_images=True
    ),
}  # fmt: skip
