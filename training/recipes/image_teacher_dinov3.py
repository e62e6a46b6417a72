"""A small image teacher of DINOv3's architecture; ESPNet says what CamVid's pixels show."""

from __future__ import annotations

from dataclasses import replace

from training.data import pictures
from training.methods import image_teacher as method
from training.recipe import Recipe
from training.recipes import image_teacher


def recipe() -> Recipe:
    """Return the run of ``image_teacher`` with the other architecture and no labels of pixels."""
    return replace(
        image_teacher.recipe(),
        data=pictures.Config(leave_out_unseen=True, segments_from="espnet"),
        name="image-teacher-dinov3",
        method=method.Config(architecture="dinov3"),
    )
