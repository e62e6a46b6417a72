"""From an encoder that shares a space with text to a model that recognises what texts name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from models.card import CardError, ModelCard
from models.heads.prompted import CLIP_SCALE, Prompted
from models.perception import Perception


def prompted(
    module: Perception,
    card: ModelCard,
    labels: Sequence[str],
    texts_KE: Tensor,
    *,
    scale: float = CLIP_SCALE,
) -> tuple[Perception, ModelCard]:
    """Return ``module``'s encoder with a recognition head made of texts, and its card.

    Args:
        module: Of any tasks; only its encoder is used.
        card: The module's.
        labels: What the texts stand for, K of them, each once.
        texts_KE: Embeddings of the texts by the text tower that the encoder was taught with.
        scale: Of the logits: a larger one makes likelier what is likeliest.

    Raises:
        CardError: the encoder shares no space with text, or one of another width.
        ValueError: labels are missing, or one occurs twice.
    """
    if not labels or len(set(labels)) != len(labels):
        raise ValueError(f"labels must be at least 1 and differ, got {', '.join(labels) or 'none'}")
    width = embedding_width(module, card)
    if texts_KE.shape != (len(labels), width):
        raise CardError(
            f"{card.name} embeds windows {width} wide, the texts are {texts_KE.shape[1]} wide: "
            "take the teacher that it was trained with"
        )
    card = replace(
        card,
        tasks=("recognition",),
        recognition_labels=tuple(labels),
        segmentation_labels=(),
        palette=(),
        heads={"recognition": {"kind": "prompted", "embedding_width": width}},
    )
    model = Perception(card)
    model.encoder.load_state_dict(module.encoder.state_dict())
    head = model.heads["recognition"]
    assert isinstance(head, Prompted)
    head.set_texts(texts_KE, scale)
    return model.eval(), card


@torch.inference_mode()
def embedding_width(module: Perception, card: ModelCard) -> int:
    """Return E, the width of the encoder's embedding.

    Raises:
        CardError: it has none.
    """
    size = (card.spec.num_channels, card.input_height, card.input_width)
    embedding_BE = module.encoder.tokens(torch.zeros(1, *size)).embedding_BE
    if embedding_BE is None:
        raise CardError(
            f"{card.name} shares no space with text: train one with `saccade train clip_event`"
        )
    return embedding_BE.shape[1]
