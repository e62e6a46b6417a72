"""The CLIP-based event encoder: CLIP's image tower learns to read events, its text tower stays.

Jeong et al., "Expanding Event Modality Applications through a Robust CLIP-Based Encoder",
arXiv 2412.03093. With q the frozen tower's embedding of the grey picture, k the student's of the
events and t the texts': L = L_ct + alpha L_zs + L_kl, and fine-tuning adds L_pred. Each of its
equations is a file of training/losses: clip_contrast (L_ct), zscl (L_zs), sinkhorn_kl (L_kl),
text_prediction (L_pred).
"""

# B batch, K texts, E width of the image-text space

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, normalize

from models.card import ModelCard
from models.encoders import clip_vision
from models.global_batch import gathered
from models.perception import Perception
from models.teachers.open import open_teacher
from models.teachers.teacher import Teacher
from training.data.batch import Batch
from training.data.feed import Feed
from training.data.mixture import WindowFeed
from training.grey import greyed
from training.losses.clip_contrast import Flow, clip_contrast
from training.losses.known_labels import accuracy_of_known
from training.losses.sinkhorn_kl import sinkhorn_kl
from training.losses.text_prediction import text_prediction
from training.losses.zscl import zscl
from training.methods.method import Method, MethodConfig, StepOutput, weighted_sum
from training.prompts import PROMPT
from training.student import build_student, make_card

if TYPE_CHECKING:
    from training.recipe import Recipe

TERMS = ("L_ct", "L_zs", "L_kl", "L_pred")


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Teacher and losses; the defaults are the release's pre-training, with gradients in L_ct."""

    teacher: str = "out/image_text_teacher/teacher"
    """Hub name or local folder of the image-text model; the paper's are CLIP's ViT-B/32 and
    ViT-L/14."""
    prompt: str = PROMPT
    """Text of each recognition label of the data."""
    picture: Literal["grey", "colour"] = "grey"
    """What the teacher is shown: grey in three channels, as published, since events know no colour;
    or colours, for a teacher that reads grey pictures badly."""
    weights: dict[str, float] = field(
        default_factory=lambda: {"L_ct": 1.0, "L_zs": 0.1, "L_kl": 1.0, "L_pred": 0.0}
    )
    """Factor of each term, that of L_zs being alpha; a term that is not named has 0. Fine-tuning
    has L_pred at 1, in the release alone."""
    contrast_flow: Flow = "events"
    """Where L_ct's gradient goes: into the events' embeddings, as a contrast must, or, as in the
    released code, ``none``: nowhere, which leaves L_kl and L_zs to teach."""
    contrast_temperature: float = 0.02
    """tau of L_ct."""
    kl_temperature: float = 0.01
    """Of L_kl; 0.1 or 0.2 in the release's fine-tuning."""
    initial_scale: float = 1 / 0.07
    """Where s, the factor of L_zs's logits, starts; it is learnt."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.weights) - set(TERMS))
        if unknown:
            raise ValueError(f"method.weights knows {', '.join(TERMS)}, got {', '.join(unknown)}")
        for name in ("contrast_temperature", "kl_temperature", "initial_scale"):
            if not getattr(self, name) > 0:
                raise ValueError(f"method.{name} must be above 0, got {getattr(self, name)}")
        if "{label}" not in self.prompt:
            raise ValueError(f"method.prompt must contain {{label}}, got {self.prompt!r}")

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        if not isinstance(feed, WindowFeed):
            raise ValueError(f"clip_event learns from windows, got {type(feed).__name__}")
        if not isinstance(recipe.encoder, clip_vision.Config):
            raise ValueError("clip_event trains a CLIP image tower: choose the encoder clip_vision")
        card = make_card(recipe)
        module = build_student(recipe, card)
        teacher = open_teacher(self.teacher)
        width = recipe.encoder.embedding_width
        if teacher.embedding_width != width:
            raise ValueError(
                f"the encoder's embedding is {width} wide, that of teacher {teacher.name} "
                f"{teacher.embedding_width}: set --encoder.embedding-width to the teacher's, or "
                "choose another --method.teacher"
            )
        prompts = [self.prompt.format(label=label) for label in feed.recognition_labels]
        return ClipEvent(self, module, card, teacher, teacher.texts(prompts))


class ClipEvent(Method):
    """A student in the image-text space of a frozen teacher."""

    texts_KE: Tensor
    """Embeddings of the labels' prompts, in the order of the feed's recognition labels."""

    def __init__(
        self,
        config: Config,
        module: Perception,
        card: ModelCard,
        teacher: Teacher,
        texts_KE: Tensor,
    ) -> None:
        super().__init__()
        self.config = config
        self.module = module
        self.card = card
        self.teacher = teacher
        self.register_buffer("texts_KE", texts_KE.float(), persistent=False)
        self.log_scale = nn.Parameter(torch.tensor(math.log(config.initial_scale)))

    def forward(self, batch: Batch) -> StepOutput:
        config = self.config
        event_BE = self.module.encoder.tokens(batch.events).embedding_BE
        images = batch.paired().images
        shown = greyed(images) if config.picture == "grey" else images
        image_BE = self.teacher.tokens(shown).embedding_BE
        assert event_BE is not None
        assert image_BE is not None
        event_BE, image_BE = event_BE.float(), image_BE.float()
        labels_B = batch.targets.recognition
        pair = (gathered(image_BE), gathered(event_BE))
        terms = {
            "L_ct": clip_contrast(
                *pair, temperature=config.contrast_temperature, flow=config.contrast_flow
            ),
            "L_zs": zscl(*pair, self.texts_KE, self.log_scale.exp()),
            "L_kl": sinkhorn_kl(*pair, temperature=config.kl_temperature),
            "L_pred": text_prediction(event_BE, self.texts_KE, labels_B),
        }
        loss = weighted_sum(terms, config.weights)
        return StepOutput(loss, terms, self._metrics(image_BE, event_BE, labels_B))

    def trained(self) -> nn.Module:
        return self.module

    @torch.no_grad()
    def _metrics(self, image_BE: Tensor, event_BE: Tensor, labels_B: Tensor) -> dict[str, Tensor]:
        """Return how near windows are to their pictures, and how often prompts name them."""
        said_BK = normalize(event_BE, dim=-1) @ normalize(self.texts_KE, dim=-1).T
        return {
            "cosine_to_picture": cosine_similarity(image_BE, event_BE, dim=-1).mean(),
            "named_rightly": accuracy_of_known(said_BK, labels_B),
        }
