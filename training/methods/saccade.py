"""Saccade's own: the parts of four methods that were measured to carry, in one loss.

    L = L_l1 + 10 L_is + 4 L_cs + w_d L_rec + w_t L_text

- Structure-aware distillation of an image teacher's tokens on patches with activity: ScaleEvent
  (arXiv 2603.03969), where it adds most to dense tasks (DSEC 66.2 to 69.7 mIoU over L1 alone).
- A difference-guided target: from its final token each active patch says the normalised difference
  of the pictures around the window, L_rec of EventPretrain (arXiv 2508.05507). Here nothing is
  hidden: the term keeps in the tokens what events say of *change*, which a teacher of still
  pictures does not know.
- Text-anchored regression: the pooled token is drawn onto the picture's embedding in the space of
  an image-text teacher by cosine, a regression and no contrast: on frozen CLIP embeddings a
  regression reaches 47.8 % zero-shot where InfoNCE alone reaches 9.6 % (EZSR, CVPR 2025).
- The causal temporal stage of GEP (arXiv 2603.23032) follows on its own: recipe saccade_temporal.

The figures are the papers'; training/losses has each term's equation.
"""

# B batch, N patches, D width of a token, P pixels of a patch, E width of the text space

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from models.card import ModelCard
from models.encoders.encoder import Tokens
from models.perception import Perception
from models.teachers.open import open_teacher
from models.teachers.teacher import Teacher
from training.data.batch import Batch, Pairs
from training.data.feed import Feed
from training.difference_map import difference_map
from training.losses.masked_reconstruction import masked_reconstruction, unpatchify
from training.losses.token_regression import token_cosine
from training.methods import scaleevent
from training.methods.method import Method, MethodConfig, StepOutput
from training.methods.scaleevent import ScaleEvent
from training.student import build_student, make_card

if TYPE_CHECKING:
    from training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Teachers and weights."""

    structure: scaleevent.Config = field(
        default_factory=lambda: scaleevent.Config(
            teacher="out/image_teacher/teacher", trained="all"
        )
    )
    """Structure-aware distillation, its teacher and mask. All learns, since the other terms ask for
    more than a teacher's own tokens."""
    text_teacher: str | None = "out/image_text_teacher/teacher"
    """Hub name or local folder of a CLIP model; None leaves the text term out."""
    difference_weight: float = 0.1
    """w_d, of L_rec: it starts near 1, where the distillation starts near a tenth of that."""
    text_weight: float = 0.5
    """w_t, of 1 - cosine."""

    def __post_init__(self) -> None:
        for name in ("difference_weight", "text_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"method.{name} must be 0 or more, got {getattr(self, name)}")

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        card = make_card(recipe)
        module = build_student(recipe, card)
        teacher = open_teacher(self.structure.teacher)
        text_teacher = None
        if self.text_teacher is not None and self.text_weight:
            text_teacher = open_teacher(self.text_teacher)
            if text_teacher.embedding_width is None:
                raise ValueError(
                    f"teacher {text_teacher.name} shares no space with text: name a CLIP model "
                    "with --method.text-teacher, or None"
                )
        return Saccade(self, module, card, teacher, text_teacher)


class Saccade(Method):
    """Structure, difference and text in one pass of the encoder."""

    def __init__(
        self,
        config: Config,
        module: Perception,
        card: ModelCard,
        teacher: Teacher,
        text_teacher: Teacher | None,
    ) -> None:
        super().__init__()
        self.config = config
        self.module = module
        self.card = card
        self.structure = ScaleEvent(config.structure, module, card, teacher)
        width, size = module.encoder.widths[-1], module.encoder.strides[-1]
        self.patch_size = size
        self.to_difference = nn.Linear(width, size**2) if config.difference_weight else None
        self.text_teacher = text_teacher
        self.to_text: nn.Linear | None = None
        if text_teacher is not None and text_teacher.embedding_width is not None:
            self.to_text = nn.Linear(width, text_teacher.embedding_width)

    def forward(self, batch: Batch) -> StepOutput:
        pairs = batch.paired()
        student = self.module.encoder.tokens(batch.events)
        output = self.structure.compare(student, pairs)
        loss, terms = output.loss, dict(output.terms)
        if self.to_difference is not None:
            terms["L_rec"] = self._difference(student, pairs)
            loss = loss + self.config.difference_weight * terms["L_rec"]
        if self.to_text is not None:
            terms["L_text"] = self._text(student, pairs)
            loss = loss + self.config.text_weight * terms["L_text"]
        return StepOutput(loss, terms, output.metrics)

    def trained(self) -> nn.Module:
        return self.module

    @torch.no_grad()
    def pictures(self, batch: Any) -> dict[str, Tensor]:
        """Return the first window's tokens, its difference map, and what is said of that."""
        panels = self.structure.pictures(batch)
        if self.to_difference is None:
            return panels
        student = self.module.encoder.tokens(batch.events[:1])
        said = self.to_difference(student.patches_BND)
        drawn = unpatchify(said, self.patch_size, student.height)[0]
        truth = difference_map(batch.paired())[0]
        return panels | {"difference": _grey(truth), "difference said": _grey(drawn)}

    def _difference(self, student: Tokens, pairs: Pairs) -> Tensor:
        assert self.to_difference is not None
        active_BN = self.structure.active(pairs.counts, student) > 0
        said_BNP = self.to_difference(student.patches_BND)
        return masked_reconstruction(said_BNP, difference_map(pairs), active_BN)

    def _text(self, student: Tokens, pairs: Pairs) -> Tensor:
        assert self.to_text is not None
        assert self.text_teacher is not None
        embedding_BE = self.text_teacher.tokens(pairs.images).embedding_BE
        assert embedding_BE is not None
        return token_cosine(self.to_text(student.pooled)[:, None], embedding_BE[:, None])


def _grey(map_1HW: Tensor) -> Tensor:
    """Return a signed map as a picture: grey is 0."""
    return (0.5 + 0.5 * map_1HW / map_1HW.abs().amax().clamp(min=1e-6)).expand(3, -1, -1)
