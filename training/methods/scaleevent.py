"""ScaleEvent: event tokens take on the image tokens of a frozen teacher, and their structure.

"Scaling Dense Event-Stream Pretraining from Visual Foundation Models", CVPR 2026, arXiv 2603.03969.
Its five equations: the patch density Dn and the activity mask M ("density" below), L_l1
(training/losses/masked_l1), L_is and L_cs (training/losses/token_similarity), and
L = L_l1 + 10 L_is + 4 L_cs. Tokens are the final normalised patch tokens of DINOv3, of the student
on the voxel image and of the teacher on the picture; the student starts as a copy of the teacher.
"""

# B batch, N patches, D width of a token, P pixels per side of a patch

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from events.representations.activity import DENSITY_THRESHOLD
from models.card import ModelCard
from models.encoders.encoder import Encoder, Tokens
from models.masking import MaskableEncoder
from models.perception import Perception
from models.representations.activity import (
    density_activity,
    rendered_activity,
    white_rendering,
)
from models.teachers.open import open_teacher
from models.teachers.teacher import Teacher
from models.transformer_encoder import TransformerEncoder
from training.data.batch import Batch, Pairs
from training.data.feed import Feed
from training.losses.masked_l1 import Form, masked_l1
from training.losses.token_similarity import token_similarity
from training.methods.method import Method, MethodConfig, StepOutput
from training.methods.token_panels import token_panels
from training.optim import ParameterGroup
from training.student import build_student, make_card

if TYPE_CHECKING:
    from training.recipe import Recipe

PUBLISHED_PATCH = 16
"""Side in pixels of the patches whose events the published threshold counts."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Teacher, weights and mask; the defaults are the release's for ViT-L."""

    teacher: str = "out/image_teacher_dinov3/teacher"
    """Hub name or local folder of the image model; the paper's is DINOv3."""
    form: Form = "code"
    """``paper``: L1 distances of products of tokens. ``code``: squared distances of cosines, none
    below 0, none where two image tokens are less alike than 0.1. The default is the code's: it is
    what made the published weights, and unlikely pairs of patches do not outvote likely ones."""
    intra_weight: float = 10.0
    """Of L_is."""
    cross_weight: float = 4.0
    """Of L_cs."""
    mask: Literal["density", "rendering", "none"] = "density"
    """Which patches count. ``density``, the paper's: those with at least ``density_threshold``
    events. ``rendering``, the code's: those that are not white where events are drawn on white and
    the drawing is shrunk to one pixel for each patch. ``none``: all."""
    density_threshold: float = DENSITY_THRESHOLD
    """tau, events of a patch of 16x16 pixels; for another patch in proportion to its area. Every
    event counts 1, as |E| summed over the bins of a voxel grid counts those that do not cancel."""
    trained: Literal["embedding_and_blocks", "all"] = "embedding_and_blocks"
    """What learns: the release leaves the class token, the registers and the final norm alone."""
    embedding_lr_scale: float = 0.5
    """Of the patch embedding's learning rate: 1e-6 beside the blocks' 2e-6 in the release."""

    def __post_init__(self) -> None:
        if not self.density_threshold >= 0:
            raise ValueError(
                f"method.density_threshold must be 0 or more, got {self.density_threshold}"
            )

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        card = make_card(recipe)
        module = build_student(recipe, card)
        teacher = open_teacher(self.teacher)
        _check_alike(module.encoder, teacher)
        return ScaleEvent(self, module, card, teacher)


class ScaleEvent(Method):
    """Masked distillation of tokens and of their likeness."""

    def __init__(
        self, config: Config, module: Perception, card: ModelCard, teacher: Teacher
    ) -> None:
        super().__init__()
        self.config = config
        self.module = module
        self.card = card
        self.teacher = teacher
        if config.trained == "embedding_and_blocks":
            embedding, blocks = embedding_and_blocks(module.encoder)
            module.requires_grad_(False)
            for value in (*embedding, *blocks):
                value.requires_grad_(True)

    def forward(self, batch: Batch) -> StepOutput:
        return self.compare(self.module.encoder.tokens(batch.events), batch.paired())

    def compare(self, student: Tokens, pairs: Pairs) -> StepOutput:
        """Return the loss of the student's tokens against the teacher's of the pictures."""
        config = self.config
        teacher = self.teacher.tokens(pairs.images)
        active_BN = self.active(pairs.counts, student)
        tokens = (student.patches_BND, teacher.patches_BND, active_BN)
        l1 = masked_l1(*tokens, form=config.form)
        structure = token_similarity(*tokens, form=config.form)
        loss = l1 + config.intra_weight * structure.intra + config.cross_weight * structure.cross
        return StepOutput(
            loss,
            {"L_l1": l1, "L_is": structure.intra, "L_cs": structure.cross},
            {"active_share": active_BN.mean()},
        )

    def active(self, counts_BHW: Tensor, student: Tokens) -> Tensor:
        """Return the activity mask M, (B, N) float."""
        if self.config.mask == "none":
            return counts_BHW.new_ones(len(counts_BHW), student.height * student.width)
        size = counts_BHW.shape[1] // student.height
        if self.config.mask == "density":
            threshold = self.config.density_threshold * (size / PUBLISHED_PATCH) ** 2
            active = density_activity(counts_BHW[:, None], patch_size=size, threshold=threshold)
        else:
            active = rendered_activity(white_rendering(counts_BHW), patch_size=size)
        return active.flatten(1).float()

    def trained(self) -> nn.Module:
        return self.module

    def parameter_groups(self) -> list[ParameterGroup]:
        if self.config.trained == "all":
            return super().parameter_groups()
        embedding, blocks = embedding_and_blocks(self.module.encoder)
        return [
            ParameterGroup(parameters=embedding, lr_scale=self.config.embedding_lr_scale),
            ParameterGroup(parameters=blocks),
        ]

    @torch.no_grad()
    def pictures(self, batch: Any) -> dict[str, Tensor]:
        """Return the first window's tokens beside its teacher's."""
        images = batch.paired().images[:1]
        student = self.module.encoder.tokens(batch.events[:1])
        teacher = self.teacher.tokens(images)
        height, width = images.shape[2:]
        return token_panels(student.map[0], teacher.map[0], (height, width))


def embedding_and_blocks(
    encoder: Encoder,
) -> tuple[tuple[nn.Parameter, ...], tuple[nn.Parameter, ...]]:
    """Return the parameters of the patch embedding, and those of the transformer's blocks.

    Raises:
        ValueError: the encoder has no such parts.
    """
    if isinstance(encoder, TransformerEncoder):
        layers: list[Sequence[nn.Module]] = [
            [encoder.patches],
            *([block] for block in encoder.blocks),
        ]
    elif isinstance(encoder, MaskableEncoder):
        layers = encoder.layers()
    else:
        raise ValueError(
            f"{type(encoder).__name__} has no patch embedding and blocks: choose a transformer, "
            "or set --method.trained all"
        )
    first, *rest = [
        tuple(value for part in layer for value in part.parameters()) for layer in layers
    ]
    return first, tuple(value for layer in rest for value in layer)


def _check_alike(encoder: Encoder, teacher: Teacher) -> None:
    """Refuse a student whose tokens cannot be compared with the teacher's one by one."""
    student = (encoder.widths[-1], encoder.strides[-1])
    if student != (teacher.width, teacher.patch_stride):
        raise ValueError(
            f"the encoder's tokens are {student[0]} wide, one for {student[1]} pixels, those of "
            f"teacher {teacher.name} {teacher.width} wide, one for {teacher.patch_stride}: choose "
            "an encoder of the teacher's sizes, or another --method.teacher"
        )
