"""GEP, stage 1: event tokens are drawn onto a frozen image teacher's by regression and contrast.

"Generative Event Pretraining with Foundation Model Alignment", CVPR Findings 2026, arXiv
2603.23032, the joint regression-contrastive objective of its alignment stage. In the names of the
released code, with e the student's final tokens (class, registers, patches) and i the teacher's:

    L1 = sum of weight * term;  cos = 1 - mean_n cos(e_n, i_n);  mse = mean (e - i)^2;
    nce = -mean_b log softmax_c(q_b . k_c / tau)[b],  q = norm(mean_n g(e_n)),  k = norm(mean_n i_n)

(training/losses/token_regression, pooled_info_nce, gradient_balance). Published: DINOv2 ViT-S/14
with registers as teacher and start of the student, 224x224, batch 64, AdamW at 2e-5 without decay,
1,000 steps of warm-up, then a cosine to 0 over 120,000 steps and more, gradient norm at most 1, one
data set a batch (N-ImageNet 0.7, DSEC 0.2, EventScape 0.1).
"""

# B batch, N tokens, D width of the teacher's tokens, C channels

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from events.representations.red_blue import RedBlueSpec
from models.card import ModelCard
from models.encoders.encoder import Tokens
from models.global_batch import gathered
from models.perception import Perception
from models.teachers.open import open_teacher
from models.teachers.teacher import Teacher
from models.transformer_encoder import TransformerEncoder
from training.data.batch import Batch
from training.data.feed import Feed
from training.data.mixture import WindowFeed
from training.losses.gradient_balance import gradient_balance
from training.losses.pooled_info_nce import Projector, pooled_info_nce
from training.losses.token_regression import token_cosine, token_kld, token_mse
from training.methods.method import Method, MethodConfig, StepOutput, weighted_sum
from training.methods.token_panels import token_panels
from training.shared_draws import shared_rand
from training.student import build_student, make_card

if TYPE_CHECKING:
    from training.recipe import Recipe

REGRESSIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cos": token_cosine,
    "mse": token_mse,
    "kld": token_kld,
}
Form = Literal["paper", "readme", "snapshot"]
FORMS: dict[Form, tuple[dict[str, float], float]] = {
    "paper": ({"cos": 1.0, "nce": 1.0}, 0.1),
    "readme": ({"mse": 1.0, "cos": 0.5}, 0.0),
    "snapshot": ({"mse": 1.0, "mse_patch": 1.0}, 0.0),
}
"""Weights and gradient ratio."""


@runtime_checkable
class EmbedsPatches(Protocol):
    """A teacher that shows what its first layer makes of each patch."""

    def patch_embedding(self, images_B3HW: Tensor) -> Tensor:
        """Return (B, N, D), before class token and positions."""
        ...


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Teacher, terms and temperatures."""

    teacher: str = "out/image_teacher/teacher"
    """Hub name or local folder of the image model; the paper's is DINOv2 with registers, such as
    facebook/dinov2-with-registers-small."""
    form: Form = "paper"
    """``paper``: regression (cos) and contrast (nce), the latter's pull at the tokens a tenth of
    the former's. ``readme``: mse + 0.5 cos, the example of the code's README. ``snapshot``: mse on
    the final tokens and on the patch embedding, the code's config as released. The default is the
    paper's: the abstract speaks of both, and the README's and the snapshot's leave the contrast
    out; their weights are of experiments, not of the reported run."""
    weights: dict[str, float] | None = None
    """Of cos, mse, kld, nce, and cos_patch, mse_patch, kld_patch on the patch embedding's output,
    in place of the form's."""
    gradient_ratio: float | None = None
    """Norm of every other term's gradient with respect to the event tokens, as a share of that of
    cos; 0 leaves terms as they are, None is the form's."""
    temperature: float = 0.2
    """tau of data sets of separate pictures."""
    film_temperature: float = 0.5
    """tau of film, whose frames resemble one another."""
    tokens: Literal["all", "patches"] = "all"
    """Whether class token and registers are compared too, which the student must then have."""
    polarity_swap: float = 0.5
    """How often red and blue are exchanged, where the input is a red and blue image."""

    def __post_init__(self) -> None:
        known = {*REGRESSIONS, "nce", *(f"{name}_patch" for name in REGRESSIONS)}
        if not self.terms or not set(self.terms) <= known:
            raise ValueError(
                f"method.weights must name some of {', '.join(sorted(known))}, "
                f"got {', '.join(self.terms) or 'none'}"
            )
        if self.ratio < 0 or (self.ratio and "cos" not in self.terms):
            raise ValueError(
                f"method.gradient_ratio must be 0 or more, and measures by cos: got {self.ratio} "
                f"with {', '.join(self.terms)}"
            )
        if not min(self.temperature, self.film_temperature) > 0:
            raise ValueError(
                "method.temperature and method.film_temperature must be above 0, got "
                f"{self.temperature} and {self.film_temperature}"
            )
        if not 0 <= self.polarity_swap <= 1:
            raise ValueError(f"method.polarity_swap must lie in [0, 1], got {self.polarity_swap}")

    @property
    def terms(self) -> dict[str, float]:
        """The weight of each term of the loss."""
        return FORMS[self.form][0] if self.weights is None else self.weights

    @property
    def ratio(self) -> float:
        """The gradient ratio in force; 0 for none."""
        return FORMS[self.form][1] if self.gradient_ratio is None else self.gradient_ratio

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        if not isinstance(feed, WindowFeed):
            raise ValueError(f"gep_align learns from windows, got {type(feed).__name__}")
        card = make_card(recipe)
        module = build_student(recipe, card)
        are_film = [dataset.is_film for dataset in feed.datasets]
        return GepAlign(self, module, card, open_teacher(self.teacher), are_film)


class GepAlign(Method):
    """The weighted sum of the chosen terms; all of the student learns."""

    temperature: Tensor
    """tau of each data set of the feed."""

    def __init__(
        self,
        config: Config,
        module: Perception,
        card: ModelCard,
        teacher: Teacher,
        are_film: Sequence[bool],
    ) -> None:
        super().__init__()
        self.config = config
        self.module = module
        self.card = card
        self.teacher = teacher
        width = module.encoder.widths[-1]
        is_wider = width != teacher.width
        self.widen = nn.Linear(width, teacher.width) if is_wider else nn.Identity()
        self.project = Projector(teacher.width) if "nce" in config.terms else None
        values = [config.film_temperature if each else config.temperature for each in are_film]
        self.register_buffer("temperature", torch.tensor(values), persistent=False)
        self.embeds = any(name.endswith("_patch") for name in config.terms)
        if self.embeds:
            _check_embeddings(module, teacher)

    def forward(self, batch: Batch) -> StepOutput:
        events, images = self._swapped(batch.events), batch.paired().images
        student, teacher = self.module.encoder.tokens(events), self.teacher.tokens(images)
        event_BND, image_BND = self._compared(student, teacher)
        embedded = self._embedded(events, images) if self.embeds else None
        return self._combine(event_BND, image_BND, embedded, self.temperature[batch.dataset])

    def _combine(
        self,
        event_BND: Tensor,
        image_BND: Tensor,
        embedded: tuple[Tensor, Tensor] | None,
        temperature_B: Tensor,
    ) -> StepOutput:
        terms = {}
        for name in self.config.terms:
            if name == "nce":
                terms[name] = self._contrast(event_BND, image_BND, temperature_B)
            elif name.endswith("_patch"):
                assert embedded is not None
                terms[name] = REGRESSIONS[name.removesuffix("_patch")](*embedded)
            else:
                terms[name] = REGRESSIONS[name](event_BND, image_BND)
        factors: dict[str, Tensor] = {}
        if self.config.ratio:
            others = {name: term for name, term in terms.items() if name != "cos"}
            factors = gradient_balance(terms["cos"], others, event_BND, self.config.ratio)
        weights = {
            name: weight * factors.get(name, 1.0) for name, weight in self.config.terms.items()
        }
        metrics = {f"factor_{name}": factor for name, factor in factors.items()}
        return StepOutput(weighted_sum(terms, weights), terms, metrics)

    def _contrast(self, event_BND: Tensor, image_BND: Tensor, temperature_B: Tensor) -> Tensor:
        """Return nce over the windows of all processes; only pooled tokens travel."""
        assert self.project is not None
        query_B1D = gathered(self.project(event_BND).mean(1, keepdim=True))
        key_B1D = gathered(image_BND.mean(1, keepdim=True))
        return pooled_info_nce(query_B1D, key_B1D, gathered(temperature_B))

    def trained(self) -> nn.Module:
        return self.module

    @torch.no_grad()
    def pictures(self, batch: Any) -> dict[str, Tensor]:
        """Return a window, its picture, and the tokens of student and teacher as colours."""
        events, images = batch.events[:1], batch.paired().images[:1]
        student = self.module.encoder.tokens(events)
        teacher = self.teacher.tokens(images)
        student_map = (
            self.widen(student.patches_BND)
            .transpose(1, 2)
            .unflatten(2, (student.height, student.width))
        )
        panels = token_panels(student_map[0], teacher.map[0], batch.events.shape[2:])
        return {"events": _visible(events[0], self.card), "image": images[0] / 255, **panels}

    def _swapped(self, events_BCHW: Tensor) -> Tensor:
        """Return red and blue images with the colours of some exchanged: polarities flipped."""
        spec = self.card.spec
        if not (self.training and isinstance(spec, RedBlueSpec) and self.config.polarity_swap):
            return events_BCHW
        is_flipped_B = shared_rand(len(events_BCHW)) < self.config.polarity_swap
        is_flipped_B = is_flipped_B.to(events_BCHW.device)
        flipped = exchange_red_and_blue(events_BCHW, spec)
        return torch.where(is_flipped_B[:, None, None, None], flipped, events_BCHW)

    def _embedded(self, events: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return what both first layers make of each patch, (B, N, D)."""
        encoder, teacher = self.module.encoder, self.teacher
        assert isinstance(encoder, TransformerEncoder)
        assert isinstance(teacher, EmbedsPatches)
        return encoder.patches(events).flatten(2).transpose(1, 2), teacher.patch_embedding(images)

    def _compared(self, student: Tokens, teacher: Tokens) -> tuple[Tensor, Tensor]:
        """Return the tokens that the loss compares, the student's as wide as the teacher's.

        Raises:
            ValueError: their grids, or what stands before the patches, differ.
        """
        grids = [(each.height, each.width) for each in (student, teacher)]
        if grids[0] != grids[1]:
            raise ValueError(
                f"the student has {grids[0][0]}x{grids[0][1]} tokens, teacher {self.teacher.name} "
                f"{grids[1][0]}x{grids[1][1]}: choose an encoder whose last stride is the "
                f"teacher's {self.teacher.patch_stride} pixels, or another --method.teacher"
            )
        if self.config.tokens == "patches":
            return self.widen(student.patches_BND), teacher.patches_BND
        prefixes = [each.prefix_BPD.shape[1] for each in (student, teacher)]
        if prefixes[0] != prefixes[1]:
            raise ValueError(
                f"the student has {prefixes[0]} tokens before the patches, teacher "
                f"{self.teacher.name} {prefixes[1]}: set --method.tokens patches"
            )
        return self.widen(student.all), teacher.all


def exchange_red_and_blue(events_BCHW: Tensor, spec: RedBlueSpec) -> Tensor:
    """Return normalised red and blue images with both colours exchanged before normalisation."""
    mean, std = (events_BCHW.new_tensor(each)[:, None, None] for each in (spec.mean, spec.std))
    image = events_BCHW * std + mean
    return (image.flip(1) - mean) / std


def _check_embeddings(module: Perception, teacher: Teacher) -> None:
    encoder = module.encoder
    if (
        not isinstance(encoder, TransformerEncoder)
        or not isinstance(teacher, EmbedsPatches)
        or encoder.widths[-1] != teacher.width
    ):
        raise ValueError(
            f"the terms *_patch compare patch embeddings, which {type(encoder).__name__} of width "
            f"{encoder.widths[-1]} and teacher {teacher.name} of width {teacher.width} do not both "
            "have: take them out of --method.weights"
        )


def _visible(events_CHW: Tensor, card: ModelCard) -> Tensor:
    """Return an input as a (3, H, W) picture in [0, 1]."""
    spec = card.spec
    if isinstance(spec, RedBlueSpec):
        mean, std = (events_CHW.new_tensor(each)[:, None, None] for each in (spec.mean, spec.std))
        return (events_CHW * std + mean).clamp(0, 1)
    summed = events_CHW.sum(0)
    return (0.5 + 0.5 * summed / summed.abs().amax().clamp(min=1e-6)).expand(3, -1, -1)
