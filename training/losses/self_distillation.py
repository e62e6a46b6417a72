"""DINO's loss: a student's view of a picture says which prototypes its teacher sees in another.

Source: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", arXiv
2104.14294, equation 1; centred by Sinkhorn-Knopp as in Oquab et al., "DINOv2", arXiv 2304.07193.
"""

# B batch, K prototypes

from __future__ import annotations

import torch
from torch import Tensor

from training.losses.sinkhorn import log_sinkhorn

STUDENT_TEMPERATURE = 0.1
TEACHER_TEMPERATURE = 0.05


def self_distillation(student_BK: Tensor, teacher_BK: Tensor) -> Tensor:
    """Return the mean cross-entropy of the student's prototypes under the teacher's, centred.

    Args:
        student_BK: Cosines of the student's embedding and the prototypes.
        teacher_BK: The teacher's; no gradient goes to them.
    """
    with torch.no_grad():
        truth_BK = log_sinkhorn(teacher_BK.float() / TEACHER_TEMPERATURE).exp()
    said_BK = (student_BK.float() / STUDENT_TEMPERATURE).log_softmax(-1)
    return -(truth_BK * said_BK).sum(-1).mean()
