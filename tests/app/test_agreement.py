from __future__ import annotations

import numpy as np
import pytest

from app.agreement import Agreement
from app.comparison import comparison_picture
from app.scene import Scene, StageLatency
from app.truth_worker import TruthWorker, compare
from events.packet import SensorSize, empty_packet
from events.simulate.kinds import SEGMENTATION_LABELS
from events.simulate.truth import Frame
from models.results import Depth, Prediction, Recognition, Segmentation

LAMP = SEGMENTATION_LABELS.index("lamp")


def truth():
    class_ids = np.zeros((8, 10), np.uint8)
    class_ids[:, 5:] = LAMP
    depth = np.full((8, 10), 2.0, np.float32)
    return Frame(depth / 4, depth, class_ids, (class_ids > 0).astype(np.uint8))


def prediction(class_ids, depth_m, label="lamp"):
    return Prediction(
        recognition=Recognition(np.array([0.1, 0.9], np.float32), ("cup", label)),
        segmentation=Segmentation(class_ids, (*SEGMENTATION_LABELS, "sky")),
        depth=Depth(np.full((8, 10), depth_m, np.float32)),
    )


def scene(said):
    return Scene(
        index=0,
        packet=empty_packet(SensorSize(10, 8), 0, 50_000),
        is_partial=False,
        prediction=said,
        latency=StageLatency(),
        age_ms=0.0,
    )


class Still:
    def truth(self, t_us):
        return truth()


def test_a_perfect_prediction_agrees_fully():
    agreement = Agreement()
    assert agreement.add(prediction(truth().class_ids, 2.0), truth()) is True
    figures = agreement.figures()
    assert (figures.kind_accuracy, figures.mean_iou, figures.abs_rel) == (1.0, 1.0, 0.0)


def test_half_right_is_said_so():
    class_ids = truth().class_ids.copy()
    class_ids[:4] = len(SEGMENTATION_LABELS)  # "sky": not in any scene
    agreement = Agreement()
    assert agreement.add(prediction(class_ids, 3.0, label="cone"), truth()) is False
    figures = agreement.figures()
    assert figures.kind_accuracy == 0.0
    assert figures.mean_iou == pytest.approx(0.5)
    assert figures.abs_rel == pytest.approx(0.5)


def test_nothing_to_compare_is_not_zero():
    agreement = Agreement()
    assert agreement.add(Prediction(), truth()) is None
    figures = agreement.figures()
    assert (figures.kind_accuracy, figures.mean_iou, figures.abs_rel) == (None, None, None)
    assert str(figures) == "no predictions to compare"


def test_the_worker_compares_the_newest_scene():
    worker = TruthWorker(Still())
    try:
        worker.put(scene(prediction(truth().class_ids, 2.0)))
        compared = None
        for _ in range(200):
            compared = compared or worker.take()
            if compared:
                break
            worker._stopping.wait(0.01)
        assert compared is not None
        assert compared.is_kind_right is True
    finally:
        worker.stop()


def test_the_film_s_picture_shows_truth_above_prediction():
    compared = compare(scene(prediction(truth().class_ids, 2.0)), Still(), Agreement())
    image = comparison_picture(compared, (0.5, 20.0))
    assert image.shape == (2 * (8 + 24), 2 * 10 + 4, 3)
    top, bottom = image[24:32], image[56:]
    assert np.array_equal(top, bottom)
