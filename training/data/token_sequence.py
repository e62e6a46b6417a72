"""From the tokens of a scene's frames to the one sequence that a causal transformer reads.

Source: GEP, arXiv 2603.23032, stage 2: event_1, image_1, event_2, image_2, ... in time order, each
token with its modality. What its released code does beyond the paper's figure is off by default.
"""

# F pairs of frames, N tokens of a frame, D width of a token, G frames of a group, M tokens in all

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from models.temporal.causal_transformer import Modality


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which tokens follow one another; the default is the paper's figure."""

    modality: Literal["both", "event", "image"] = "both"
    """Whether frames of events and of pictures alternate (the paper's), or one kind stands alone
    (the released config has ``event``)."""
    has_sos: bool = False
    """Whether a zero token follows every frame, or group of frames."""
    has_eos: bool = False
    """Whether a frame of zero tokens ends every sequence."""
    frame_group: int = 1
    """G: frames that become N tokens averaged over time and one for each frame averaged over space;
    1 keeps all tokens. The released code has 8, which makes a context of 8 times the frames."""

    def __post_init__(self) -> None:
        if self.frame_group < 1:
            raise ValueError(f"frame_group must be at least 1, got {self.frame_group}")

    def num_tokens(self, num_pairs: int, tokens_a_frame: int) -> int:
        """Return M, what ``arrange`` makes of a sequence."""
        frames = num_pairs * (2 if self.modality == "both" else 1)
        groups = -(-frames // self.frame_group)
        num = groups * tokens_a_frame + (frames if self.frame_group > 1 else 0)
        return num + groups * self.has_sos + tokens_a_frame * self.has_eos


def arrange(
    event_FND: Tensor, image_FND: Tensor, layout: Layout, *, is_static: bool
) -> tuple[Tensor, Tensor]:
    """Return one sequence's (M, D) tokens and their (M,) int64 modalities.

    Args:
        event_FND: Tokens of consecutive windows.
        image_FND: Tokens of the pictures at their ends.
        layout: What follows what.
        is_static: Whether these are pairs of still pictures, not of film.
    """
    kinds = (
        (Modality.STATIC_EVENTS, Modality.STATIC_IMAGE)
        if is_static
        else (Modality.VIDEO_EVENTS, Modality.VIDEO_IMAGE)
    )
    frames, ids = [], []
    for pair in zip(event_FND, image_FND, strict=True):
        for name, tokens_ND, kind in zip(("event", "image"), pair, kinds, strict=True):
            if layout.modality in ("both", name):
                frames.append(tokens_ND)
                ids.append(int(kind))
    zero_D = event_FND.new_zeros(event_FND.shape[2])
    tokens, modality = [], []
    for first in range(0, len(frames), layout.frame_group):
        group = slice(first, first + layout.frame_group)
        part, part_ids = _grouped(torch.stack(frames[group]), ids[group], layout.frame_group)
        tokens.append(part)
        modality += part_ids
        if layout.has_sos:
            tokens.append(zero_D[None])
            modality.append(int(Modality.BOUNDARY))
    if layout.has_eos:
        tokens.append(zero_D.expand(event_FND.shape[1], -1))
        modality += [int(Modality.BOUNDARY)] * event_FND.shape[1]
    return torch.cat(tokens), torch.tensor(modality, device=event_FND.device)


def _grouped(frames_GND: Tensor, ids: list[int], frame_group: int) -> tuple[Tensor, list[int]]:
    """Return a group's tokens: all of a lone frame, else averages, their ids by majority vote."""
    num_tokens = frames_GND.shape[1]
    if frame_group == 1:
        return frames_GND[0], ids * num_tokens
    majority = Counter(ids).most_common(1)[0][0]  # the earlier one where votes are equal
    averages = torch.cat([frames_GND.mean(0), frames_GND.mean(1)])
    return averages, [majority] * num_tokens + ids
