"""A small image teacher: a vision transformer of a public architecture, taught by pictures.

For where the public foundation models cannot be had: labels, what MobileNetV2 says (its feature map
for every patch, its class scores for the class token), segmentation labels for the patches, and
self-distillation between views (Caron et al., "DINO", arXiv 2104.14294). Written in transformers'
format, so that what opens the public models opens it.
"""

# B batch, T tokens, N patches, D width of a token, K prototypes

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from models.global_batch import gathered
from models.heads.segmentation import UNKNOWN
from models.teachers.mobilenet import MAP_WIDTH, NUM_CLASSES
from models.teachers.preprocessing import IMAGENET, Preprocessing
from models.teachers.save import save_teacher
from training.data.feed import Feed
from training.data.pictures import PictureBatch, PictureFeed
from training.losses.feature_distance import FeatureHead
from training.losses.known_labels import (
    accuracy_of_known,
    cross_entropy_of_known,
    labels_of_patches,
)
from training.losses.self_distillation import self_distillation
from training.methods.method import (
    TEACHER_FOLDER,
    Method,
    MethodConfig,
    StepOutput,
    weighted_sum,
)

if TYPE_CHECKING:
    from training.recipe import Recipe

EMBEDDING_WIDTH = 128
HIDDEN_WIDTH = 512


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """The architecture, and the weights of what teaches it."""

    architecture: Literal["dinov2", "dinov3"] = "dinov2"
    """DINOv2 with registers: learned positions; DINOv3: rotary ones."""
    width: int = 192
    """Of a token."""
    depth: int = 6
    """Blocks."""
    num_heads: int = 3
    """Of each block."""
    patch_size: int = 8
    """Side in pixels."""
    num_registers: int = 4
    """Tokens without a meaning of their own."""
    weights: dict[str, float] = field(
        default_factory=lambda: {
            "labels": 0.5,
            "features": 2.0,
            "scores": 1.0,
            "segmentation": 0.5,
            "self_distillation": 0.25,
        }
    )
    """Factor of each term in the loss; 0 leaves a term out."""
    num_prototypes: int = 1024
    """Of self-distillation: what views are assigned to."""
    momentum: float = 0.99
    """Of the averaged network that teaches in self-distillation."""
    label_smoothing: float = 0.1
    """Share of a label's weight that goes to all classes alike."""

    def __post_init__(self) -> None:
        known = {"labels", "features", "scores", "segmentation", "self_distillation"}
        if set(self.weights) - known:
            raise ValueError(f"method.weights knows {sorted(known)}, got {sorted(self.weights)}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"method.momentum must lie in [0, 1), got {self.momentum}")

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        if not isinstance(feed, PictureFeed):
            raise ValueError(f"image_teacher learns from pictures, got {type(feed).__name__}")
        if self.weights.get("self_distillation", 0) and feed.config.num_views < 2:
            raise ValueError("self-distillation needs --data.num-views 2")
        if (self.weights.get("features", 0) or self.weights.get("scores", 0)) and (
            not feed.knowledge
        ):
            raise ValueError("method.weights features and scores need --data.with-knowledge")
        last = recipe.stages[-1]
        network = vision_transformer(self, last.height)
        num_segments = len(feed.segmentation_labels)
        return ImageTeacher(self, network, len(feed.synsets), num_segments, last.height)


def vision_transformer(config: Config, image_size: int) -> nn.Module:
    """Return transformers' model of the architecture, with random weights."""
    from transformers import (
        Dinov2WithRegistersConfig,
        Dinov2WithRegistersModel,
        DINOv3ViTConfig,
        DINOv3ViTModel,
    )

    sizes: dict[str, Any] = {
        "hidden_size": config.width,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.num_heads,
        "patch_size": config.patch_size,
        "image_size": image_size,
        "num_register_tokens": config.num_registers,
    }
    if config.architecture == "dinov2":
        network: nn.Module = Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**sizes))
    else:
        sizes["intermediate_size"] = 4 * config.width
        network = DINOv3ViTModel(DINOv3ViTConfig(**sizes))
    network.embeddings.mask_token.requires_grad_(False)  # type: ignore[union-attr]  # hides nothing
    # On a processor the backward pass of fused attention costs more than all else for few tokens.
    network.set_attn_implementation("eager")  # type: ignore[operator]
    return network


class Projector(nn.Module):
    """From a class token to its cosines with the prototypes."""

    def __init__(self, width: int, num_prototypes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, HIDDEN_WIDTH), nn.GELU(), nn.Linear(HIDDEN_WIDTH, EMBEDDING_WIDTH)
        )
        self.prototypes = nn.Parameter(torch.randn(num_prototypes, EMBEDDING_WIDTH))

    def forward(self, token_BD: Tensor) -> Tensor:
        unit = normalize(self.layers(token_BD).float(), dim=-1)
        return unit @ normalize(self.prototypes, dim=-1).T


class ImageTeacher(Method):
    """The weighted sum of what teaches the network."""

    def __init__(
        self, config: Config, network: nn.Module, num_classes: int, num_segments: int, size: int
    ) -> None:
        super().__init__()
        self.config = config
        self.network = network
        self.preprocessing = Preprocessing(*IMAGENET, size=size)
        self.labels = nn.Linear(config.width, num_classes)
        self.scores = nn.Linear(config.width, NUM_CLASSES)
        self.features = FeatureHead(config.width, MAP_WIDTH)
        self.segments = nn.Linear(config.width, max(num_segments, 1))
        self.projector = Projector(config.width, config.num_prototypes)
        for name, part in self._taught_by().items():
            part.requires_grad_(config.weights.get(name, 0) > 0)
        self.averaged = nn.ModuleList([copy.deepcopy(network), copy.deepcopy(self.projector)])
        self.averaged.eval().requires_grad_(False)

    def forward(self, batch: PictureBatch) -> StepOutput:
        weights = self.config.weights
        token_BD, map_BDHW = self._look(self.network, batch.views[0])
        named = self.labels(token_BD).float()
        terms = {
            "labels": cross_entropy_of_known(named, batch.labels, self.config.label_smoothing),
            "segmentation": self._segmentation(map_BDHW, batch.class_ids),
        }
        if len(batch.features):
            terms["features"] = self.features.distance(map_BDHW, batch.features)
            terms["scores"] = cross_entropy(self.scores(token_BD).float(), batch.logits.softmax(-1))
        if weights.get("self_distillation", 0):
            with torch.no_grad():
                other_BD, _ = self._look(self.averaged[0], batch.views[1])
                other_BK = self.averaged[1](other_BD)
            said_BK = gathered(self.projector(token_BD))  # centred over the global batch
            terms["self_distillation"] = self_distillation(said_BK, gathered(other_BK))
        loss = weighted_sum(terms, weights)
        return StepOutput(loss, terms, {"right": accuracy_of_known(named, batch.labels)})

    def trained(self) -> nn.Module:
        return self.network

    def _taught_by(self) -> dict[str, nn.Module]:
        """Return what nothing but one term teaches."""
        return {
            "features": self.features,
            "scores": self.scores,
            "self_distillation": self.projector,
        }

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Move the averaged network towards the trained one."""
        momentum = min(self.config.momentum, (1 + step) / (10 + step))
        mine = [*self.network.parameters(), *self.projector.parameters()]
        for average, value in zip(self.averaged.parameters(), mine, strict=True):
            average.lerp_(value, 1 - momentum)

    def train(self, mode: bool = True) -> ImageTeacher:
        super().train(mode)
        self.averaged.eval()
        return self

    def write(
        self, folder: Path, averaged: nn.Module, provenance: dict[str, Any], dtype: torch.dtype
    ) -> Path:
        return save_teacher(folder / TEACHER_FOLDER, averaged, self.preprocessing, provenance)

    def _look(self, network: nn.Module, view_B3HW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the class token and the map of patches."""
        pixels = self.preprocessing.normalized(view_B3HW)
        tokens_BTD = network(pixels).last_hidden_state
        patch = self.config.patch_size
        grid = (view_B3HW.shape[2] // patch, view_B3HW.shape[3] // patch)
        patches_BND = tokens_BTD[:, 1 + self.config.num_registers :]
        return tokens_BTD[:, 0], patches_BND.transpose(1, 2).unflatten(2, grid)

    def _segmentation(self, map_BDHW: Tensor, class_ids: Tensor) -> Tensor:
        said = self.segments(map_BDHW.permute(0, 2, 3, 1)).float()
        wanted = labels_of_patches(class_ids, self.config.patch_size, UNKNOWN)
        return cross_entropy_of_known(said.flatten(0, 2), wanted.flatten())
