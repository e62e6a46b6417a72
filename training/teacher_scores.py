"""What an image teacher is worth on labelled pictures: k-NN, linear probe, zero-shot by text."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from models.teachers.pretrained import PretrainedTeacher
from training.data.dataset import Split
from training.data.features import Rows, picture_cache
from training.data.still import StillSet
from training.data.unseen import unseen_synsets
from training.probe import FloatArray, IntArray, knn, linear_probe, share_right
from training.prompts import PROMPT

BATCH_SIZE = 64


def teacher_scores(teacher: PretrainedTeacher, pictures: StillSet) -> dict[str, float]:
    """Return shares of right answers on a set's validation pictures.

    ``knn`` and ``linear`` learn from the training pictures' class token, or the mean patch where
    there is none; ``zero_shot_seen`` and ``zero_shot_unseen`` tell the classes that image-text
    training saw and did not see apart by their prompts, each kind among itself.
    """
    synsets = list(pictures.synsets)
    train, val = features_of(teacher, pictures, "train"), features_of(teacher, pictures, "val")
    truth = labels_of(pictures, "val")
    rows = (train["picture"], labels_of(pictures, "train"), val["picture"], len(synsets))
    scores = {
        "knn": share_right(knn(*rows), truth),
        "linear": share_right(linear_probe(*rows), truth),
    }
    if teacher.embedding_width is not None:
        unseen = set(unseen_synsets(synsets))
        kinds = {
            "zero_shot_seen": [i for i, synset in enumerate(synsets) if synset not in unseen],
            "zero_shot_unseen": [i for i, synset in enumerate(synsets) if synset in unseen],
        }
        names = list(pictures.synsets.values())
        text_CE = teacher.texts([PROMPT.format(label=name) for name in names]).cpu().numpy()
        for kind, classes in kinds.items():
            scores[kind] = zero_shot(val["embedding"], truth, text_CE, classes)
    return scores


def zero_shot(
    embedding_VE: FloatArray, labels_V: IntArray, text_CE: FloatArray, classes: Sequence[int]
) -> float:
    """Return the share of pictures of some classes whose nearest text, of these, is their own."""
    chosen = np.array(classes)
    mine_V = np.isin(labels_V, chosen)
    text_CE = text_CE[chosen] / np.linalg.norm(text_CE[chosen], axis=1, keepdims=True)
    nearest = chosen[(embedding_VE[mine_V] @ text_CE.T).argmax(1)]
    return float((nearest == labels_V[mine_V]).mean())


def labels_of(pictures: StillSet, split: Split) -> IntArray:
    """Return the (N,) indices of the pictures' classes, in the order of ``pictures.synsets``."""
    place = {synset: i for i, synset in enumerate(pictures.synsets)}
    found = (pictures.synset(split, i) for i in range(pictures.num_pictures(split)))
    return np.array([place[synset] if synset is not None else -1 for synset in found])


def features_of(
    teacher: PretrainedTeacher, pictures: StillSet, split: Split
) -> dict[str, FloatArray]:
    """Return ``picture`` (N, D) and, where there is one, ``embedding`` (N, E), cached on disk."""

    def look(rows: range) -> Rows:
        found: dict[str, list[Tensor]] = {"picture": [], "embedding": []}
        for start in range(rows.start, rows.stop, BATCH_SIZE):
            part = range(start, min(start + BATCH_SIZE, rows.stop))
            tokens = teacher.tokens(
                torch.stack([_square(teacher, pictures, split, i) for i in part])
            )
            has_class_token = tokens.prefix_BPD.shape[1] > 0
            found["picture"].append(tokens.prefix_BPD[:, 0] if has_class_token else tokens.pooled)
            if tokens.embedding_BE is not None:
                found["embedding"].append(tokens.embedding_BE)
        return {name: torch.cat(parts).numpy() for name, parts in found.items() if parts}

    names = ("picture", "embedding") if teacher.embedding_width is not None else ("picture",)
    cache = picture_cache(
        f"{pictures.name}-{split}",
        names,
        functools.partial(pictures.picture, split),
        pictures.num_pictures(split),
        shard_rows=2048,
        teacher=teacher.fingerprint,
        prepared="middle square",
    )
    cache.fill(look)
    return {name: cache.column(name) for name in names}


def _square(teacher: PretrainedTeacher, pictures: StillSet, split: Split, index: int) -> Tensor:
    pixels = torch.from_numpy(np.array(pictures.picture(split, index))).permute(2, 0, 1)
    return teacher.preprocessing.squared(pixels, teacher.patch_stride)
