from __future__ import annotations

from pathlib import Path

from training.data.catalogue import load_dataset
from training.data.dataset import Split
from training.data.unseen import unseen_synsets

SPLITS: tuple[Split, Split] = ("train", "val")


def test_every_fifth_class_is_unseen_whatever_the_order() -> None:
    synsets = [f"n{i:03}" for i in range(202)]
    assert unseen_synsets(synsets[::-1]) == tuple(synsets[0:200:5])


def test_seen_and_unseen_windows_share_no_class_and_miss_none(data_folder: Path) -> None:
    whole, seen, unseen = (
        load_dataset(name, data_folder)
        for name in ("tiny_imagenet", "tiny_imagenet_seen", "tiny_imagenet_unseen")
    )
    assert (len(seen.recognition_labels), len(unseen.recognition_labels)) == (162, 40)
    both = {*seen.recognition_labels, *unseen.recognition_labels}
    assert both == set(whole.recognition_labels)
    for split in SPLITS:
        assert seen.num_windows(split) + unseen.num_windows(split) == whole.num_windows(split)
    assert unseen.num_windows("val") == 40 * 15
