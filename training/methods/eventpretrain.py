"""EventPretrain: a temporal difference map first, then an image model's tokens.

"Revealing Latent Information: A Physics-inspired Self-supervised Pre-training Framework for Noisy
and Sparse Events", ACM MM 2025, arXiv 2508.05507. Three runs, each from the one before's model:

I   ``reconstruction``  Difference-guided masked modelling, L_rec: half of the patches are hidden,
                        and the difference of the two pictures around the window is rebuilt.
II  ``transition``      Backbone-fixed feature transition, L_con: the encoder is frozen but for its
                        last LayerNorm, projections learn to meet the teacher's tokens.
III ``focus``           Focus-aimed contrast, L_con: all learns, deep layers faster.

The released code adds no weight or mask for the focus: that is what stage III is seen to bring.
"""

# B batch, N patches, M visible patches, D width of a token

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from events.representations.representation import Spec
from events.representations.voxel_grid import VoxelGridSpec
from models.card import ModelCard
from models.encoders.encoder import Tokens
from models.global_batch import gathered
from models.masking import MaskableEncoder
from models.perception import Perception
from models.projection import TeacherProjection, token_mlp
from models.reconstruction import DecoderConfig, Reconstruction
from models.teachers.open import open_teacher
from models.teachers.teacher import Teacher
from training.augmentation import ViewConfig, Views, draw_views
from training.data.batch import Batch, Pairs
from training.data.feed import Feed
from training.difference_map import difference_map
from training.layer_rates import LayerRates, layer_groups
from training.losses.masked_reconstruction import (
    masked_reconstruction,
    normalized_patches,
    patchify,
    unpatchify,
)
from training.losses.position_contrast import (
    PositionQueue,
    batch_contrast,
    normalized,
    queue_contrast,
)
from training.methods.method import HEADS_FILE, Method, MethodConfig, StepOutput
from training.optim import ParameterGroup
from training.patch_masks import MaskStrategy, choose_visible, hidden_patches
from training.student import build_student, make_card

if TYPE_CHECKING:
    from training.recipe import Recipe

QUEUE = "queue"
"""What the queue is called beside the heads."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Which stage, and its settings; the defaults are the release's for ViT-S and ConvViT-S."""

    stage: Literal["reconstruction", "transition", "focus"] = "reconstruction"
    """I, II or III."""
    view: ViewConfig = field(default_factory=ViewConfig)
    """How events and pictures are cropped and turned together."""

    mask_ratio: float = 0.5
    """Stage I: share of patches hidden."""
    mask: MaskStrategy = "random"
    """Stage I: which ones."""
    visible_weight: float = 0.0
    """Stage I: of the same loss on the visible patches. The paper's is 0: only hidden ones count.
    What is hidden is hard to say from what is not, and short runs never leave the plateau where
    every hidden patch is said to be flat; visible patches teach from the first step."""
    difference: Literal["linear", "log"] = "linear"
    """Stage I: of the greys, as the release stores it, or of their logarithms, which is what events
    integrate. Patches are normalised, which takes most of what lies between them; linear, since
    the logarithm lifts the noise of dark pixels."""
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    """Stage I: of what rebuilds the difference map; left behind with the stage."""

    teacher: str = ""
    """Stages II and III: hub name or local folder of the image model, the paper's is CLIP's
    ViT-B/16."""
    teacher_cells: int = 1
    """Stages II and III: teacher's patches per side of a student's; the release's Swin has 2."""
    pairing: Literal["view", "still"] = "view"
    """Stages II and III: what the teacher sees. ``view`` is the picture at the window's end through
    the events' own crop and flips, so that a position is one place in both. ``still`` is the whole
    picture, as in the release, whose teacher tokens are stored beforehand: after a crop or flip
    its positions do not match, hence not the default."""
    hidden_width: int = 4096
    """Stages II and III: of the projector and the predictor."""
    temperature: float = 0.07
    """Stages II and III: tau of the contrast."""
    negatives: Literal["queue", "batch"] = "queue"
    """Stages II and III: past keys of the same position, or the batch's other samples."""
    queue_length: int = 1024
    """Stages II and III: the release's argument; its class has 65,536."""
    rates: LayerRates = field(default_factory=lambda: LayerRates(kind="decay"))
    """Stage III: learning rates by depth."""
    initial_heads: Path | None = None
    """Stage III: ``heads.safetensors`` that the run of stage II left beside its model; None starts
    them anew."""
    carry_queue: bool = True
    """Stage III: whether the keys that stage II ended with go on too; they lie beside its heads. It
    is said to be initialised from stage II, not whether that means the queue. The same projection
    made its keys: random ones in their place are told apart at a glance, and would make the first
    steps, which matter most to an encoder that has just been let go, too easy."""

    def __post_init__(self) -> None:
        if not 0 < self.mask_ratio < 1:
            raise ValueError(f"method.mask_ratio must lie between 0 and 1, got {self.mask_ratio}")
        if not self.visible_weight >= 0:
            raise ValueError(f"method.visible_weight must be 0 or more, got {self.visible_weight}")
        if not self.temperature > 0:
            raise ValueError(f"method.temperature must be above 0, got {self.temperature}")
        for name in ("teacher_cells", "hidden_width", "queue_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"method.{name} must be at least 1, got {getattr(self, name)}")

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        card = make_card(recipe)
        module = build_student(recipe, card)
        _check(recipe.spec, self.view, module)
        if self.stage == "reconstruction":
            return DifferenceModelling(self, module, card)
        if not self.teacher:
            raise ValueError(f"stage {self.stage} needs --method.teacher: a hub name or a folder")
        if len({(stage.height, stage.width) for stage in recipe.stages}) > 1:
            raise ValueError("the queue holds one grid of positions: give all stages one size")
        return TokenContrast(self, module, card, open_teacher(self.teacher))


class DifferenceModelling(Method):
    """Stage I: hidden patches of the difference map, said from the visible patches' events."""

    def __init__(self, config: Config, module: Perception, card: ModelCard) -> None:
        super().__init__()
        self.config = config
        self.module = module
        self.card = card
        self.reconstruction = Reconstruction(config.decoder, _maskable(module), num_channels=1)

    def forward(self, batch: Batch) -> StepOutput:
        target, predicted_BNP, hidden_BN, _ = self._reconstruct(batch)
        hidden = masked_reconstruction(predicted_BNP, target, hidden_BN)
        if not self.config.visible_weight:
            return StepOutput(hidden, {"reconstruction": hidden})
        visible = masked_reconstruction(predicted_BNP, target, ~hidden_BN)
        loss = hidden + self.config.visible_weight * visible
        return StepOutput(loss, {"reconstruction": hidden, "visible": visible})

    def trained(self) -> nn.Module:
        return self.module

    @torch.no_grad()
    def pictures(self, batch: Any) -> dict[str, Tensor]:
        """Return the first sample's visible events, difference map and rebuilt map, side by side.

        Hidden patches are grey in the events; both maps are of normalised patches.
        """
        with torch.random.fork_rng(devices=[]):
            target, predicted_BNP, hidden_BN, events = self._reconstruct(batch)
        size = _maskable(self.module).strides[-1]
        height = target.shape[2] // size
        truth = unpatchify(normalized_patches(patchify(target, size)), size, height)
        said = unpatchify(predicted_BNP.float(), size, height)
        visible = (~hidden_BN).float().reshape(len(events), 1, height, -1)
        shown = events.sum(1, keepdim=True) * nn.functional.interpolate(visible, scale_factor=size)
        row = torch.cat([shown[0], truth[0], said[0]], dim=2)
        return {"events_truth_said": (0.5 + row / 4).clamp(0, 1).expand(3, -1, -1)}

    def _reconstruct(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the target maps, what is said of all patches, which are hidden, the events."""
        config, encoder = self.config, _maskable(self.module)
        views = _views(config, batch)
        events = views.events(batch.events)
        target = views.difference(difference_map(batch.paired(), config.difference))
        stride = encoder.strides[-1]
        keep_BM = choose_visible(events, stride, config.mask_ratio, config.mask)
        predicted_BNP = self.reconstruction(encoder, events, keep_BM)
        return target, predicted_BNP, hidden_patches(keep_BM, predicted_BNP.shape[1]), events


class TokenContrast(Method):
    """Stages II and III: every position's token against its teacher's."""

    def __init__(
        self, config: Config, module: Perception, card: ModelCard, teacher: Teacher
    ) -> None:
        super().__init__()
        self.config = config
        self.card = card
        self.teacher = teacher
        width = module.encoder.widths[-1]
        heads = {
            "projector": token_mlp(3, width, config.hidden_width),
            "predictor": token_mlp(2, width, config.hidden_width),
            "teacher": TeacherProjection(teacher.width, width, config.teacher_cells),
        }
        self.student = nn.ModuleDict({"module": module, **heads})
        self.queue: PositionQueue | None = None
        if config.negatives == "queue":
            stride = module.encoder.strides[-1]
            num_positions = (card.input_height // stride) * (card.input_width // stride)
            self.queue = PositionQueue(num_positions, config.queue_length, width)
        if config.initial_heads is not None:
            carried = {QUEUE: self.queue} if self.queue is not None and config.carry_queue else {}
            _load_heads(config.initial_heads, nn.ModuleDict(heads | carried))
        if config.stage == "transition":
            module.requires_grad_(False)
            _maskable(module).norm.requires_grad_(True)

    @property
    def module(self) -> Perception:
        """The student itself, without what is left behind."""
        module = self.student["module"]
        assert isinstance(module, Perception)
        return module

    def forward(self, batch: Batch) -> StepOutput:
        views = _views(self.config, batch)
        tokens = self.module.encoder.tokens(views.events(batch.events))
        said_BND = self.student["predictor"](self.student["projector"](tokens.patches_BND))
        taught_BND = self.student["teacher"](self._taught(batch.paired(), views, tokens))
        temperature = self.config.temperature
        if self.queue is None:
            pair = (gathered(said_BND), gathered(taught_BND))
            loss, ranked_first = batch_contrast(*pair, temperature)
        else:
            # A copy: the keys are pushed before the backward pass, which needs the old ones.
            keys_NKD = self.queue.keys_NKD.clone()
            loss, ranked_first = queue_contrast(said_BND, taught_BND, keys_NKD, temperature)
            if self.training:
                self.queue.push(gathered(normalized(taught_BND)))
        return StepOutput(loss, {"contrast": loss}, {"ranked_first": ranked_first})

    def trained(self) -> nn.Module:
        return self.student

    def parameter_groups(self) -> list[ParameterGroup]:
        if self.config.stage == "transition":
            return super().parameter_groups()
        return layer_groups(self, _maskable(self.module), self.config.rates)

    def write(
        self, folder: Path, averaged: nn.Module, provenance: dict[str, Any], dtype: torch.dtype
    ) -> Path:
        """Write the model, and beside it heads and queue, with which the next stage goes on."""
        assert isinstance(averaged, nn.ModuleDict)
        heads = {name: averaged[name] for name in averaged if name != "module"}
        kept = nn.ModuleDict(heads if self.queue is None else heads | {QUEUE: self.queue})
        values = {name: value.contiguous().cpu() for name, value in kept.state_dict().items()}
        part = folder / (HEADS_FILE + ".part")
        save_file(values, part)
        part.replace(folder / HEADS_FILE)
        return super().write(folder, averaged["module"], provenance, dtype)

    def _taught(self, pairs: Pairs, views: Views, student: Tokens) -> Tokens:
        """Return the teacher's tokens, ``teacher_cells`` to a side of each of the student's."""
        if self.config.pairing == "view":
            images = views.end_pictures(pairs.images, pairs.previous)
        else:
            images = pairs.images.float() / 255
        pixels = self.config.teacher_cells * self.teacher.patch_stride
        size = (student.height * pixels, student.width * pixels)
        if images.shape[2:] != size:
            images = nn.functional.interpolate(images, size, mode="bilinear", antialias=True)
        return self.teacher.tokens(images)


def _views(config: Config, batch: Batch) -> Views:
    events = batch.events
    views = draw_views(config.view, len(events), events.shape[2], events.shape[3])
    return views.to(events.device)


def _maskable(module: Perception) -> MaskableEncoder:
    assert isinstance(module.encoder, MaskableEncoder)
    return module.encoder


def _check(spec: Spec, view: ViewConfig, module: Perception) -> None:
    """Refuse what the method cannot train."""
    if not isinstance(module.encoder, MaskableEncoder):
        raise ValueError("eventpretrain hides patches: choose the encoder vit, conv_vit or swin")
    is_symmetric = isinstance(spec, VoxelGridSpec) and (spec.polarity, spec.placement) == (
        "signed",
        "closed",
    )
    if view.time_flip and not is_symmetric:
        raise ValueError(
            "only a signed voxel grid of closed placement can be reversed in time: choose it, or "
            "set --method.view.time-flip 0"
        )


def _load_heads(path: Path, heads: nn.ModuleDict) -> None:
    if not path.is_file():
        raise ValueError(f"method.initial_heads: no file {path}; stage II writes one, or set None")
    values = load_file(path)
    if QUEUE not in heads:
        values = {name: values[name] for name in values if not name.startswith(f"{QUEUE}.")}
    try:
        heads.load_state_dict(values)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        cure = "; --method.carry-queue False starts the queue anew" if QUEUE in reason else ""
        raise ValueError(f"{path} does not fit the heads of this run: {reason}{cure}") from None
