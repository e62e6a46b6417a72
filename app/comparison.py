"""Pictures of truth above prediction, for the demo's film."""

from __future__ import annotations

import numpy as np

from app.caption import caption
from app.render import Image, accumulated_image, depth_image, overlay_segmentation, side_by_side
from app.truth_worker import Compared
from events.simulate.kinds import SEGMENTATION_LABELS
from events.simulate.truth import dominant_kind
from models.results import Depth, Segmentation


def comparison_picture(compared: Compared, range_m: tuple[float, float]) -> Image:
    """Return two rows, truth and prediction: events under classes, depth, a caption over each."""
    truth, scene = compared.truth, compared.scene
    true_row = _row(
        accumulated_image(scene.packet),
        Segmentation(truth.class_ids, SEGMENTATION_LABELS),
        Depth(truth.depth_m),
        range_m,
    )
    prediction = scene.prediction
    said_row = _row(
        accumulated_image(scene.packet),
        prediction.segmentation if prediction else None,
        prediction.depth if prediction else None,
        range_m,
    )
    said = ""
    if prediction is not None and prediction.recognition is not None:
        label, score = prediction.recognition.top(1)[0]
        said = f"{label}  {100 * score:.0f} %"
    width = true_row.shape[1]
    at = f"{scene.packet.end_us / 1e6:.2f} s"
    rows = (
        caption(f"TRUTH   {dominant_kind(truth) or 'no object'}   {at}", width),
        true_row,
        caption(f"PREDICTION   {said}   {compared.figures}", width),
        said_row,
    )
    return np.concatenate(rows)


def _row(
    events: Image,
    segmentation: Segmentation | None,
    depth: Depth | None,
    range_m: tuple[float, float],
) -> Image:
    if segmentation is not None:
        overlay_segmentation(events, segmentation, opacity=0.8)
    near_m, far_m = range_m
    blank = np.zeros_like(events)
    return side_by_side(
        [events, blank if depth is None else depth_image(depth, near_m=near_m, far_m=far_m)]
    )
