"""L_zs of the CLIP-based event encoder: windows read like their pictures, against a set of texts.

Source: Jeong et al., "Expanding Event Modality Applications through a Robust CLIP-Based Encoder",
arXiv 2412.03093; after Zheng et al., "Preventing Zero-Shot Transfer Degradation in Continual
Learning of Vision-Language Models", ICCV 2023.
"""

# B batch, K texts, E width of the image-text space

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

TEMPERATURE = 2.0


def zscl(image_BE: Tensor, event_BE: Tensor, text_KE: Tensor, scale: Tensor) -> Tensor:
    """Return D(R, C) + D(C^T, R^T) of the logits R = s q t^T and C = s k t^T.

    D(a, b) is the cross-entropy from softmax(a / 2) to b / 2, times 4. The second one's target is
    the student's own: gradient goes through it too, as in the released code.

    Args:
        image_BE: q, the frozen teacher's; lengths are kept.
        event_BE: k, the student's; likewise.
        text_KE: t, the frozen teacher's; likewise.
        scale: s, a scalar.
    """
    reference_BK = scale * image_BE.float() @ text_KE.float().T
    current_BK = scale * event_BE.float() @ text_KE.float().T
    return _distil(reference_BK, current_BK) + _distil(current_BK.T, reference_BK.T)


def _distil(target: Tensor, said: Tensor) -> Tensor:
    truth = (target / TEMPERATURE).softmax(-1)
    return cross_entropy(said / TEMPERATURE, truth) * TEMPERATURE**2
