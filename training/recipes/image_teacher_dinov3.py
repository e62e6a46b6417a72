"""A small image teacher of DINOv3's architecture, with rotary positions."""

from __future__ import annotations

from dataclasses import replace

from training.methods import image_teacher as method
from training.recipe import Recipe
from training.recipes import image_teacher


def recipe() -> Recipe:
    """Return the run of ``image_teacher`` with the other architecture."""
    return replace(
        image_teacher.recipe(),
        name="image-teacher-dinov3",
        method=method.Config(architecture="dinov3"),
    )
