"""What single data sets of recordings do that others do not."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from column_files import nmnist
from dataset_layouts import (
    LAYOUTS,
    NUM_EVENTS,
    dat,
    mat,
    some_events,
    write_davis,
    write_video,
)
from PIL import Image
from word_files import AEDAT3_DAVIS, aedat3_body, aedat3_frame

from events.packet import SensorSize
from events.recordings.open import open_recording
from events.recordings.recording import Frame, RecordingError
from training.data.catalogue import load_dataset, load_present
from training.data.check import check_dataset
from training.data.few_shot import first_of_each
from training.data.folder import DataError
from training.data.recorded import Clip, RecordedSet, eighty_twenty
from training.data.sets.davis_frames import DavisFrames, on_sensor
from training.data.still_windows import unique_names
from training.data.video_frames import Video

ASKED = SensorSize(48, 40)
WINDOW_US = 50_000


def made(name: str, root: Path) -> RecordedSet:
    LAYOUTS[name].write(root)
    dataset = load_dataset(name, root)
    assert isinstance(dataset, RecordedSet)
    return dataset


def test_frames_of_aedat3_are_pairs_with_the_events_between_them(tmp_path: Path) -> None:
    pixels = np.full((180, 240), 0x8000, np.uint16)
    times_us = range(0, 200_000, 20_000)
    frames = [aedat3_frame(t, pixels + t // 100, exposure_us=2_000) for t in times_us]
    events = some_events(0, 1_000)
    (tmp_path / "recordings").mkdir()
    path = tmp_path / "recordings" / "a.aedat"
    path.write_bytes(AEDAT3_DAVIS + b"".join(frames) + aedat3_body(events))
    dataset = load_dataset("davis_frames", tmp_path)
    assert (dataset.num_windows("train"), dataset.num_windows("val")) == (7, 2)
    window = dataset.window("train", 1, 0, ASKED, WINDOW_US, with_images=True)
    assert (window.packet.start_us, window.packet.end_us) == (21_000, 41_000)
    assert window.packet.sensor == SensorSize(240, 180)
    inside = (events["t"] >= 21_000) & (events["t"] < 41_000)
    np.testing.assert_array_equal(window.packet.t, events["t"][inside])
    assert window.image is not None
    assert window.previous is not None
    assert (int(window.previous[0, 0, 0]), int(window.image[0, 0, 0])) == (
        (0x8000 + 200) >> 8,
        (0x8000 + 400) >> 8,
    )
    report = check_dataset("davis_frames", tmp_path, deep=True, report=lambda _: None)
    assert report.is_whole


def test_a_random_split_is_always_the_same_eighty_and_twenty() -> None:
    clips = [Clip(f"{i}.bin", "a") for i in range(100)]
    split = eighty_twenty(clips)
    assert (len(split["train"]), len(split["val"])) == (80, 20)
    assert sorted([*split["train"], *split["val"]]) == sorted(clips)
    held_out = [int(Path(clip.name).stem) for clip in split["val"]]
    assert held_out[:5] == [2, 17, 25, 32, 36]  # an own split would make figures not comparable


def test_n_cars_windows_have_three_thousand_events(tmp_path: Path) -> None:
    made("n_cars", tmp_path)
    for path in tmp_path.glob("N-Cars/n-cars_train/*/*.dat"):
        dat(path, some_events(0, 5_000))
    dataset = load_dataset("n_cars", tmp_path)
    assert len(dataset.window("train", 0, 0, ASKED, WINDOW_US).packet) == 3_000
    assert len(dataset.window("val", 0, 0, ASKED, WINDOW_US).packet) == NUM_EVENTS


def test_a_recording_that_lost_more_than_a_hundredth_is_not_learnt_from(tmp_path: Path) -> None:
    dataset = made("n_mnist", tmp_path)
    path = tmp_path / "N-MNIST" / "Train" / "0" / "00000.bin"
    for num_outside, is_learnt in ((3, True), (5, False)):
        events = some_events(0)
        events["x"][:num_outside] = 200  # of 400 events; the sensor is 34 pixels wide
        nmnist(path, events)
        if is_learnt:
            assert len(dataset.window("train", 0, 0, ASKED, WINDOW_US).packet) == 397
        else:
            with pytest.raises(DataError, match=r"00000.bin is damaged: 5 events outside"):
                dataset.window("train", 0, 0, ASKED, WINDOW_US)


def test_sets_that_are_there_are_found_among_all(tmp_path: Path) -> None:
    made("n_cars", tmp_path)
    assert set(load_present(tmp_path)) == {"n_cars", "synthetic"}


def test_a_gesture_is_the_events_between_its_times(tmp_path: Path) -> None:
    dataset = made("dvs_gesture", tmp_path)
    windows = [dataset.window("train", i, 0, ASKED, WINDOW_US) for i in range(2)]
    assert [window.label for window in windows] == ["hand clapping", "arm roll"]
    spans = [(window.packet.start_us, window.packet.end_us) for window in windows]
    assert spans == [(10_000, 40_000), (40_000, 90_000)]
    events = some_events(0)
    inside = (events["t"] >= 10_000) & (events["t"] < 40_000)
    assert np.array_equal(windows[0].packet.events, events[inside])


def test_a_wrong_line_of_a_gesture_s_times_is_named(tmp_path: Path) -> None:
    made("dvs_gesture", tmp_path)
    labels = tmp_path / "DvsGesture" / "user24_led_labels.csv"
    labels.write_text("class,startTime_usec,endTime_usec\n1,5,10\n12,10,20\n")
    with pytest.raises(DataError, match=r"user24_led_labels.csv, line 3.*'12,10,20'"):
        load_dataset("dvs_gesture", tmp_path)
    report = check_dataset("dvs_gesture", tmp_path, deep=False, report=lambda finding: None)
    assert (report.state, report.is_whole) == ("corrupt", False)
    assert "line 3" in report.reason


def test_n_imagenet_keeps_to_its_lists_and_to_its_folders_without_them(tmp_path: Path) -> None:
    assert made("n_imagenet", tmp_path).recognition_labels == ("Maltese dog", "tench")
    listed = tmp_path / "N_Imagenet" / "train_list.txt"
    listed.write_text("".join(f"{line}\n" for line in listed.read_text().split()[:1]))
    assert load_dataset("n_imagenet", tmp_path).num_windows("train") == 1
    listed.unlink()
    assert load_dataset("n_imagenet", tmp_path).num_windows("train") == 4


def test_n_imagenet_without_names_has_wordnet_ids_for_labels(tmp_path: Path) -> None:
    made("n_imagenet", tmp_path)
    (tmp_path / "N_Imagenet" / "LOC_synset_mapping.txt").unlink()
    assert load_dataset("n_imagenet", tmp_path).recognition_labels == ("n01440764", "n02085936")


def test_n_imagenet_s_pictures_are_imagenet_s_stretched_over_the_sensor(tmp_path: Path) -> None:
    dataset = made("n_imagenet", tmp_path)
    window = dataset.window("train", 3, 0, ASKED, WINDOW_US, with_images=True)
    with Image.open(tmp_path / "ImageNet/train/n02085936/n02085936_1.JPEG") as file:
        picture = np.asarray(file.convert("RGB").resize((640, 480), Image.Resampling.BILINEAR))
    assert np.array_equal(window.image, picture)
    assert np.array_equal(window.previous, picture)


def test_n_caltech101_reads_no_boxes_and_knows_its_pictures(tmp_path: Path) -> None:
    dataset = made("n_caltech101", tmp_path)
    assert dataset.recognition_labels == ("Faces easy", "airplanes")
    assert dataset.num_windows("train") + dataset.num_windows("val") == 10
    (tmp_path / "N-Caltech101/101_ObjectCategories/Faces_easy/image_0000.jpg").unlink()
    clips = [dataset.clip(split, i) for split in ("train", "val") for i in range(2)]
    for clip in clips:
        found = dataset.picture_path(clip)
        assert (found is None) == ("Faces_easy/image_0000" in clip.name)


def test_few_shot_learning_takes_the_first_recordings_of_each_label(tmp_path: Path) -> None:
    dataset = made("cifar10_dvs", tmp_path)
    few = first_of_each(dataset, 1)
    assert [dataset.labels["train"][i] for i in few] == ["airplane", "bird"]


@pytest.mark.parametrize("order", ["<", ">"])
def test_asl_dvs_files_are_read_the_right_way_up(tmp_path: Path, order: str) -> None:
    events, path = some_events(0), tmp_path / "a_0001.mat"
    mat(path, events, order=order)
    with open_recording(path) as recording:
        assert recording.sensor == SensorSize(240, 180)
        found = recording.events_between(0, 100_000)
    assert np.array_equal(found.events, events)


def test_a_mat_file_that_is_cut_or_holds_no_events_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a_0001.mat"
    mat(path, some_events(0))
    whole = path.read_bytes()
    for num_bytes in (100, 140, len(whole) // 2, len(whole) - 9):
        path.write_bytes(whole[:num_bytes])
        with pytest.raises(RecordingError, match=r"a_0001.mat (cannot be read|holds no events)"):
            open_recording(path)


def davis(root: Path, times_us: list[int]) -> DavisFrames:
    (root / "recordings").mkdir()
    write_davis(root / "recordings" / "a.aedat4", times_us)
    return DavisFrames(root)


def test_a_pair_is_two_frames_and_the_events_between_their_exposures(tmp_path: Path) -> None:
    dataset = davis(tmp_path, [i * 10_000 for i in range(10)])
    window = dataset.window("train", 2, 0, ASKED, WINDOW_US, with_images=True)
    packet = window.packet
    assert (packet.start_us, packet.end_us) == (21_000, 31_000)  # exposed for 2 ms
    assert window.previous is not None
    assert window.image is not None
    assert set(np.unique(window.previous)) == {0, 20}
    assert set(np.unique(window.image)) == {0, 30}
    assert not window.image[0].any()  # the frame lies one pixel down and to the right
    assert not window.image[:, 0].any()


def test_sequences_of_pairs_touch_and_start_earlier_at_the_end(tmp_path: Path) -> None:
    dataset = davis(tmp_path, [i * 10_000 for i in range(10)])
    windows = dataset.sequence("train", 6, 0, ASKED, WINDOW_US, 3, with_images=True)
    for before, after in pairwise(windows):
        assert before.packet.end_us == after.packet.start_us
        assert np.array_equal(before.image, after.previous)
    assert windows[-1].packet.end_us == 71_000
    with pytest.raises(DataError, match="9 frames"):
        dataset.sequence("train", 0, 0, ASKED, WINDOW_US, 8)


def test_frames_far_apart_are_no_pair(tmp_path: Path) -> None:
    first, second = [0, 10_000, 20_000], [900_000 + i * 10_000 for i in range(7)]
    dataset = davis(tmp_path, first + second)
    assert dataset.num_windows("train") == 2 + 4
    ends = [dataset.window("train", i, 0, ASKED, WINDOW_US).packet.end_us for i in range(6)]
    assert ends[:3] == [11_000, 21_000, 911_000]


def test_colour_frames_become_red_green_blue() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[..., 0] = 200  # blue comes first in recordings
    seen = on_sensor(Frame(0, 0, pixels), SensorSize(3, 2))
    assert seen[0, 0].tolist() == [0, 0, 200]
    assert not seen[:, 2].any()


def test_a_video_s_frames_are_found_by_number(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, 25)
    video = Video.open(path)
    assert video.num_frames == 25
    assert video.interval_us == pytest.approx(1e6 / 30, rel=1e-3)
    every = video.frames(0, 25)
    for first in (1, 9, 10, 17):  # a whole picture is stored every tenth
        for number, frame in enumerate(video.frames(first, 3)):
            assert np.array_equal(frame, every[first + number])
    assert video.problem() == ""


def test_a_video_s_windows_show_its_motion_at_the_asked_pace(tmp_path: Path) -> None:
    LAYOUTS["video"].write(tmp_path)
    dataset = load_dataset("video", tmp_path)
    window = dataset.window("train", 0, 0, SensorSize(96, 64), 100_000, with_images=True)
    assert window.packet.duration_us == 100_000
    assert window.image is not None
    assert window.previous is not None
    moved = np.abs(window.image.astype(int) - window.previous).max(2) > 60
    assert 2 * 20 * 2 <= moved.sum() <= 2 * 20 * 5  # both edges of the square, three frames on
    packet = window.packet
    is_near = moved[packet.y, packet.x]
    assert is_near.mean() > 0.5


def test_names_that_two_classes_share_are_told_apart_by_their_ids() -> None:
    names = {"n1": "crane", "n2": "crane", "n3": "tench"}
    assert unique_names(names) == {"n1": "crane (n1)", "n2": "crane (n2)", "n3": "tench"}
