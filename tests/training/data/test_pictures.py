from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.data import pictures
from training.data.folder import DataError
from training.data.still import load_still_set, still_set_names
from training.data.unseen import unseen_synsets
from training.methods import image_teacher
from training.recipe import Recipe, Stage

STAGE = Stage(steps=4, height=16, width=16, batch_size=4)
NUM_CLASSES, NUM_PICTURES = 10, 3


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (20, 20)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of all sets, in their layouts."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "images" / "imagenet1k_256").mkdir(parents=True)
    ids = [f"n{i:08d}" for i in range(NUM_CLASSES)]
    with zipfile.ZipFile(folder / "images" / "tiny_imagenet_202.zip", "w") as archive:
        archive.writestr("classes.tsv", "".join(f"{i}\tthing {i}, other\n" for i in ids))
        for split in ("train", "val"):
            for place, synset in enumerate(ids):
                for i in range(NUM_PICTURES):
                    colour = (20 * place, 100, 200)
                    archive.writestr(f"{split}/{synset}/{i}.JPEG", jpeg(colour))
    for name in ("n00000001_thing_1", "n99999999_new_thing"):
        (folder / "images" / "imagenet1k_256" / f"{name}.jpg").write_bytes(jpeg((9, 9, 9)))
    for split in ("train", "val"):
        (folder / "dense" / "camvid" / split).mkdir(parents=True)
        (folder / "dense" / "camvid" / f"{split}annot").mkdir()
        (folder / "dense" / "camvid" / split / "a.jpg").write_bytes(jpeg((50, 60, 70), (40, 30)))
        labels = np.full((30, 40), 11, np.uint8)
        labels[:, :20] = 3
        Image.fromarray(labels).save(folder / "dense" / "camvid" / f"{split}annot" / "a.png")
        (folder / "ImageNet" / split / ids[0]).mkdir(parents=True)
        (folder / "ImageNet" / split / ids[0] / "a.JPEG").write_bytes(jpeg((7, 7, 7)))
    return folder


def recipe(config: pictures.Config) -> Recipe:
    return Recipe(name="test", stages=(STAGE,), data=config, method=image_teacher.Config(), seed=5)


def config(root: Path) -> pictures.Config:
    return pictures.Config(root=root, with_knowledge=False)


def test_every_set_keeps_its_contract(root: Path) -> None:
    assert set(still_set_names()) >= {"tiny_imagenet", "imagenet1k", "camvid"}
    for name in still_set_names():
        stills = load_still_set(name, root)
        assert list(stills.synsets) == sorted(stills.synsets)
        for split in ("train", "val"):
            for i in range(stills.num_pictures(split)):
                picture = stills.picture(split, i)
                assert picture.mode == "RGB"
                synset, class_ids = stills.synset(split, i), stills.class_ids(split, i)
                assert synset is None or synset in stills.synsets
                assert class_ids is None or class_ids.shape == (picture.height, picture.width)
                known = range(len(stills.segmentation_labels))
                assert class_ids is None or set(np.unique(class_ids)) <= {*known, 255}


def test_an_unknown_set_is_told_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="did you mean camvid"):
        load_still_set("camvidd")


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tiny_imagenet_202\.zip"):
        config(tmp_path).build(recipe(config(tmp_path)))


def test_samples_are_decided_by_number_and_seed(root: Path) -> None:
    first, again = (config(root).build(recipe(config(root))).samples(STAGE) for _ in range(2))
    other_seed = config(root).build(replace(recipe(config(root)), seed=6)).samples(STAGE)
    names, others = [], []
    for i in range(20):
        np.testing.assert_array_equal(first[i].views[0], again[i].views[0])
        np.testing.assert_array_equal(first[i].views[1], again[i].views[1])
        assert first[i].label == again[i].label
        names.append(first[i].name)
        others.append(other_seed[i].name)
    assert names != others


def test_a_batch_holds_views_labels_and_classes(root: Path) -> None:
    feed = config(root).build(recipe(config(root)))
    samples = feed.samples(STAGE)
    batch = feed.collate([samples[i] for i in range(60)])
    assert len(batch) == 60
    assert [view.shape for view in batch.views] == [(60, 3, 16, 16)] * 2
    assert batch.views[0].dtype == torch.uint8
    assert batch.class_ids.shape == (60, 16, 16)
    assert len(batch.features) == len(batch.logits) == 0
    assert len(feed.synsets) == NUM_CLASSES + 1
    for name, label, class_ids in zip(batch.names, batch.labels, batch.class_ids, strict=True):
        if name.startswith("camvid"):
            assert label == -1
            assert set(class_ids.unique().tolist()) <= {3, 255}
        else:
            assert label >= 0
            assert (class_ids == 255).all()
    assert any(name.startswith("camvid") for name in batch.names)


def test_unseen_classes_are_left_out_of_every_set(root: Path) -> None:
    seen = replace(config(root), leave_out_unseen=True)
    feed = seen.build(recipe(seen))
    unseen = unseen_synsets([f"n{i:08d}" for i in range(NUM_CLASSES)])
    assert len(unseen) == 2
    samples = feed.samples(STAGE)
    found = {list(feed.synsets)[samples[i].label] for i in range(150) if samples[i].label >= 0}
    assert found.isdisjoint(unseen)
    assert len(found) >= NUM_CLASSES - 2


def test_shares_below_zero_are_an_error() -> None:
    with pytest.raises(ValueError, match="must be 0 or more"):
        pictures.Config(shares={"camvid": -1.0})


def test_what_mobilenet_says_is_kept_and_follows_the_crop(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ai_edge_litert")
    from training.data.knowledge import Knowledge
    from training.data.views import WHOLE, Crop

    class Few:
        """The first pictures of ImageNet's."""

        def __init__(self) -> None:
            self.stills = load_still_set("imagenet1k", data_folder)
            self.name = "few"

        def num_pictures(self, split: str) -> int:
            return 12

        def picture(self, split: str, index: int) -> Image.Image:
            return self.stills.picture("train", index)

    monkeypatch.setenv("SACCADE_DATA", str(data_folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    few = Few()
    knowledge = Knowledge(few)  # type: ignore[arg-type]
    order = list(few.stills.synsets)
    right = [
        order[int(knowledge.logits(i).argmax())] == few.stills.synset("train", i) for i in range(12)
    ]
    assert sum(right) >= 8
    whole = knowledge.map(0, WHOLE)
    assert whole.shape == (320, 7, 7)
    mirrored = knowledge.map(0, Crop(0, 0, 1, 1, is_flipped=True))
    np.testing.assert_allclose(mirrored, whole[:, :, ::-1], atol=0.02)
    corner = knowledge.map(0, Crop(0, 0, 1 / 7, 1 / 7))
    np.testing.assert_allclose(corner[:, 3, 3], whole[:, 0, 0], atol=0.02)
