"""Recognition without training: by the texts of labels, and by a few windows of each.

As Jeong et al., arXiv 2412.03093, measure their encoder on classes that training left out. Their
few-shot figures fine-tune (recipe ``clip_event_few_shot``); here a label is the mean of its few
windows' embeddings, as in Snell et al., "Prototypical Networks", NeurIPS 2017.
"""

# N windows, K labels, E width of the image-text space

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from events.representations.letterbox import Letterbox
from models.card import ModelCard
from models.perception import Perception
from models.prompting import embedding_width
from models.teachers.teacher import Teacher
from training.data.batch import placed_image
from training.data.dataset import DataSet, Split
from training.data.few_shot import Labelled, first_of_each
from training.evaluate import EvalConfig
from training.grey import greyed
from training.metrics import TopK
from training.prompts import PROMPT

SHOTS = (1, 2, 5)


def zero_shot(
    module: Perception,
    card: ModelCard,
    teacher: Teacher,
    dataset: DataSet,
    config: EvalConfig,
    report: Callable[[int, int], None],
    *,
    prompt: str = PROMPT,
    shots: Sequence[int] = SHOTS,
) -> dict[str, Any]:
    """Return the figures of an encoder on a data set's held-out windows.

    ``zero_shot_*``: the nearest prompt names the window. ``picture_zero_shot_*``: the same of the
    teacher on the grey picture behind it, which bounds what the events' encoder can have learnt.
    ``N_shot_*``: the nearest mean of N training windows; a label without any is never found.
    Chance is 100 / ``num_labels``.

    Args:
        module: Its encoder shares a space with text.
        card: The module's.
        teacher: The image-text model that it was taught with.
        dataset: Windows with labels and pictures.
        config: Which windows.
        report: Called with windows done and all windows.
        prompt: Text of a label, ``{label}`` in it.
        shots: Training windows of each label; without any only texts are measured.

    Raises:
        CardError: the encoder shares no space with text.
        ValueError: the data set has no labels or no pictures, or the teacher is another than the
            encoder's.
    """
    _check(module, card, teacher, dataset)
    labels = dataset.recognition_labels
    texts_KE = teacher.texts([prompt.format(label=label) for label in labels]).cpu()
    total = dataset.num_windows("val")
    num = min(config.num_windows or total, total)
    few = {shot: first_of_each(dataset, shot) for shot in shots if dataset.num_windows("train")}
    most = few[max(few)] if few else np.zeros(0, np.int64)
    look = _Look(module.eval(), card, teacher, dataset, config, report, num + len(most))
    val = look.at("val", np.linspace(0, total - 1, num).round().astype(np.int64))
    places = np.array([labels.index(label) for label in val.labels])
    figures: dict[str, Any] = {"num_windows": num, "num_labels": len(labels)}
    figures |= _top("zero_shot", val.events_NE, texts_KE, places)
    figures |= _top("picture_zero_shot", val.pictures_NE, texts_KE, places)
    cosine = cosine_similarity(val.events_NE, val.pictures_NE, dim=-1).mean()
    figures["cosine_to_picture"] = float(cosine)
    train = look.at("train", most)
    for shot, indices in few.items():
        means_KE = _means(train, np.isin(most, indices), labels)
        figures |= _top(f"{shot}_shot", val.events_NE, means_KE, places)
    return figures


def _check(module: Perception, card: ModelCard, teacher: Teacher, dataset: DataSet) -> None:
    """Refuse a data set without labels, and a teacher of another space than the encoder's."""
    if not dataset.recognition_labels or not isinstance(dataset, Labelled):
        raise ValueError(f"data set {dataset.name} has no labels to recognise by text")
    width = embedding_width(module, card)
    if teacher.embedding_width != width:
        raise ValueError(
            f"{card.name} embeds windows {width} wide, teacher {teacher.name} "
            f"{teacher.embedding_width}: give the teacher that it was trained with"
        )


class _Seen(NamedTuple):
    """Some windows in the space that they share with text."""

    events_NE: Tensor
    pictures_NE: Tensor
    labels: list[str]


class _Look:
    """Runs the encoder and its teacher over windows of a data set."""

    def __init__(
        self,
        module: Perception,
        card: ModelCard,
        teacher: Teacher,
        dataset: DataSet,
        config: EvalConfig,
        report: Callable[[int, int], None],
        total: int,
    ) -> None:
        self.module, self.card, self.teacher = module, card, teacher
        self.dataset, self.config, self.report = dataset, config, report
        self.done, self.total = 0, total

    @torch.inference_mode()
    def at(self, split: Split, indices: npt.NDArray[np.int64]) -> _Seen:
        """Return what is seen of some windows of a split."""
        device = next(self.module.parameters()).device
        events, pictures = [torch.zeros(0)], [torch.zeros(0)]
        labels: list[str] = []
        for first in range(0, len(indices), self.config.batch_size):
            part = indices[first : first + self.config.batch_size]
            grids, images, names = zip(*(self._window(split, int(i)) for i in part), strict=True)
            said = self.module.encoder.tokens(torch.from_numpy(np.stack(grids)).to(device))
            shown = greyed(torch.from_numpy(np.stack(images)).to(device))
            seen = self.teacher.tokens(shown).embedding_BE
            assert said.embedding_BE is not None
            assert seen is not None
            events.append(said.embedding_BE.float().cpu())
            pictures.append(seen.float().cpu())
            labels += names
            self.done += len(part)
            self.report(self.done, self.total)
        return _Seen(torch.cat(events), torch.cat(pictures), labels)

    def _window(self, split: Split, index: int) -> tuple[Any, Any, str]:
        """Return the network's input, the picture under it, and the label."""
        card, config = self.card, self.config
        window = self.dataset.window(
            split, index, config.seed, config.sensor, card.window_us, with_images=True
        )
        letterbox = Letterbox(window.packet.sensor, card.input_height, card.input_width)
        if window.image is None:
            raise ValueError(f"data set {self.dataset.name} has no pictures behind its windows")
        assert window.label is not None
        grid = card.spec.network_input(window.packet, letterbox)
        return grid, placed_image(window.image, letterbox), window.label


def _means(seen: _Seen, chosen: npt.NDArray[np.bool_], labels: Sequence[str]) -> Tensor:
    """Return the (K, E) mean of the chosen windows' unit embeddings for each label, NaN of none."""
    unit_NE = normalize(seen.events_NE, dim=-1)
    of_label = {label: np.array([name == label for name in seen.labels]) for label in labels}
    return torch.stack(
        [unit_NE[torch.from_numpy(of_label[each] & chosen)].mean(0) for each in labels]
    )


def _top(
    name: str, rows_NE: Tensor, labels_KE: Tensor, truth: npt.NDArray[np.int64]
) -> dict[str, float]:
    cosines_NK = normalize(rows_NE, dim=-1) @ normalize(labels_KE, dim=-1).T
    known_NK = cosines_NK.nan_to_num(nan=-torch.inf)
    top = TopK()
    for scores, label in zip(known_NK.numpy(), truth, strict=True):
        top.add(scores, int(label))
    return {f"{name}_{key}": value for key, value in top.result().items()}
