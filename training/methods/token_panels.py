"""Pictures of a student's and a teacher's tokens side by side, for a run's log."""

# D width of a token, h x w tokens

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from models.token_pictures import fit_colors, similarity_map


def token_panels(
    student_DHW: Tensor, teacher_DHW: Tensor, size: tuple[int, int]
) -> dict[str, Tensor]:
    """Return four (3, height, width) pictures in [0, 1], by name.

    ``*_tokens`` paint the teacher's three principal components, for both, so that a student which
    says the same has the same colours. ``*_similarity`` is how alike all tokens are to one: that
    of the teacher which differs most from the mean.

    Args:
        student_DHW: As wide as the teacher's; the same grid.
        teacher_DHW: The teacher's.
        size: Height and width of the pictures.
    """
    maps = {
        "student": student_DHW.float().cpu().numpy(),
        "teacher": teacher_DHW.float().cpu().numpy(),
    }
    colors = fit_colors(maps["teacher"])
    distance = teacher_DHW - teacher_DHW.mean((1, 2), keepdim=True)
    anchor = int(distance.float().norm(dim=0).argmax())
    row, column = divmod(anchor, teacher_DHW.shape[2])
    panels = {}
    for name, features in maps.items():
        painted = torch.from_numpy(colors.paint(features)).permute(2, 0, 1)
        cosine = torch.from_numpy(similarity_map(features, row, column))
        panels[f"{name}_tokens"] = _enlarged(painted, size)
        panels[f"{name}_similarity"] = _enlarged((0.5 + cosine / 2).expand(3, -1, -1), size)
    return panels


def _enlarged(picture_3HW: Tensor, size: tuple[int, int]) -> Tensor:
    return interpolate(picture_3HW[None], size, mode="nearest")[0]
