"""A small CLIP: a tower of pictures and one of texts, taught by class names.

For where the public models cannot be had. The image tower may start from an image teacher; then a
picture is drawn to the name of its class (Yang et al., "Unified Contrastive Learning", CVPR 2022:
pictures of one class share their text) and to the names that MobileNetV2 finds in it, patches to
the names of what they show. Pictures of the unseen classes are left out, so that their names are
known from MobileNetV2's scores of other pictures alone. (MobileNetV2, and an image teacher that the
tower starts from, have seen such pictures, without text.)
"""

# B batch, N patches, D width of a token, E width of the shared space, K names, M taught channels

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from models.global_batch import gathered
from models.heads.segmentation import UNKNOWN
from models.teachers.mobilenet import MAP_WIDTH, NUM_CLASSES
from models.teachers.open import open_teacher
from models.teachers.preprocessing import CLIP, Preprocessing
from models.teachers.save import save_teacher
from training.clip_tower import start_tower
from training.data.feed import Feed
from training.data.pictures import PictureBatch, PictureFeed
from training.losses.feature_distance import FeatureHead
from training.losses.known_labels import (
    accuracy_of_known,
    cross_entropy_of_known,
    labels_of_patches,
)
from training.methods.method import (
    TEACHER_FOLDER,
    Method,
    MethodConfig,
    StepOutput,
    weighted_sum,
)
from training.optim import ParameterGroup, other_parameters
from training.prompts import MAX_TOKENS, TEMPLATES, small_tokenizer

if TYPE_CHECKING:
    from training.recipe import Recipe

MAX_SCALE = 100.0
"""CLIP's limit of the factor on cosines."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Sizes of the towers, and the weights of what teaches them."""

    image_tower: str | None = None
    """Folder of an image teacher of DINOv2's architecture that the image tower starts from."""
    image_lr_scale: float = 0.5
    """Factor of the image tower's learning rate, where it has such a start."""
    width: int = 192
    """Of a token of the image tower."""
    depth: int = 6
    """Blocks of the image tower."""
    num_heads: int = 3
    """Of each of its blocks."""
    patch_size: int = 8
    """Side in pixels."""
    text_width: int = 128
    """Of a token of the text tower."""
    text_depth: int = 3
    """Blocks of the text tower."""
    embedding_width: int = 128
    """Of the space that images and texts share."""
    names_per_step: int = 256
    """Class names that each step tells apart: those of its pictures, and random ones."""
    weights: dict[str, float] = field(
        default_factory=lambda: {
            "labels": 1.0, "scores": 1.0, "features": 1.0, "segmentation": 0.5
        }
    )  # fmt: skip
    """Factor of each term in the loss."""

    def __post_init__(self) -> None:
        known = {"labels", "scores", "features", "segmentation"}
        if set(self.weights) - known:
            raise ValueError(f"method.weights knows {sorted(known)}, got {sorted(self.weights)}")
        if self.names_per_step < 2:
            raise ValueError(f"method.names_per_step must be 2 or more, got {self.names_per_step}")

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        if not isinstance(feed, PictureFeed) or len(feed.synsets) != NUM_CLASSES:
            raise ValueError(
                "image_text_teacher learns from pictures and ImageNet's 1,000 names: give "
                "--data.shares with imagenet1k"
            )
        if not feed.knowledge:
            raise ValueError("image_text_teacher needs --data.with-knowledge")
        names, segments = list(feed.synsets.values()), list(feed.segmentation_labels)
        prompts = [each.format(label=name) for each in TEMPLATES for name in names + segments]
        tokenizer = small_tokenizer(prompts)
        stage = recipe.stages[-1]
        model = clip_model(self, stage.height, tokenizer)
        size, channels = stage.height, CLIP
        if self.image_tower is not None:
            start = open_teacher(self.image_tower)
            channels = (start.preprocessing.mean, start.preprocessing.std)
            views = feed.samples(stage)
            some = torch.stack([torch.from_numpy(views[i].views[0]) for i in range(16)])
            start_tower(model.vision_model, start.model, start.preprocessing.normalized(some))
        preprocessing = Preprocessing(*channels, size=size)
        return ImageTextTeacher(self, model, tokenizer, preprocessing, names, segments)


def clip_model(config: Config, image_size: int, tokenizer: Any) -> Any:
    """Return transformers' model of the sizes, with random weights."""
    from transformers import CLIPConfig, CLIPModel

    vision = {
        "hidden_size": config.width,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.num_heads,
        "intermediate_size": 4 * config.width,
        "patch_size": config.patch_size,
        "image_size": image_size,
    }
    text = {
        "hidden_size": config.text_width,
        "num_hidden_layers": config.text_depth,
        "num_attention_heads": max(config.text_width // 64, 1),
        "intermediate_size": 4 * config.text_width,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": MAX_TOKENS,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    sizes = CLIPConfig(
        vision_config=vision, text_config=text, projection_dim=config.embedding_width
    )
    model = CLIPModel(sizes)
    # On a processor the backward pass of fused attention costs more than all else for few tokens.
    model.set_attn_implementation("eager")
    return model


class ImageTextTeacher(Method):
    """Pictures, patches and names in one space."""

    def __init__(
        self,
        config: Config,
        model: Any,
        tokenizer: Any,
        preprocessing: Preprocessing,
        names: list[str],
        segments: list[str],
    ) -> None:
        super().__init__()
        self.config = config
        self.model = model
        self.tokenizer = tokenizer
        self.preprocessing = preprocessing
        self.names = names
        self.segments = segments
        self.features = FeatureHead(config.width, MAP_WIDTH)

    def forward(self, batch: PictureBatch) -> StepOutput:
        tower = self.model.vision_model
        view = batch.views[0]
        seen = tower(self.preprocessing.normalized(view))
        patch = self.config.patch_size
        patches_BND = tower.post_layernorm(seen.last_hidden_state[:, 1:])
        grid = (view.shape[2] // patch, view.shape[3] // patch)
        image_BE = self._unit(self.model.visual_projection(seen.pooler_output))
        chosen = self._chosen_names(batch.labels)
        text_KE, segment_KE = self._texts([self.names[i] for i in chosen.tolist()])
        scale = self.model.logit_scale.exp().clamp(max=MAX_SCALE)
        said_BK = scale * image_BE @ text_KE.T
        place = torch.full((len(self.names),), -1, device=chosen.device)
        place[chosen] = torch.arange(len(chosen), device=chosen.device)
        labels = torch.where(batch.labels >= 0, place[batch.labels], -1)
        map_BDHW = patches_BND.transpose(1, 2).unflatten(2, grid)
        terms = {
            "labels": cross_entropy_of_known(said_BK, labels),
            "scores": cross_entropy(said_BK, batch.logits[:, chosen].softmax(-1)),
            "features": self.features.distance(map_BDHW, batch.features),
        }
        if self.segments:
            cells_BNE = self._unit(self.model.visual_projection(patches_BND))
            wanted = labels_of_patches(batch.class_ids, patch, UNKNOWN)
            logits = scale * cells_BNE @ segment_KE.T
            terms["segmentation"] = cross_entropy_of_known(logits.flatten(0, 1), wanted.flatten())
        loss = weighted_sum(terms, self.config.weights)
        right = accuracy_of_known(said_BK, labels)
        return StepOutput(loss, terms, {"right": right, "scale": scale})

    def trained(self) -> nn.Module:
        module: nn.Module = self.model
        return module

    def parameter_groups(self) -> list[ParameterGroup]:
        tower = tuple(self.model.vision_model.parameters())
        scale = 1.0 if self.config.image_tower is None else self.config.image_lr_scale
        return [
            ParameterGroup(parameters=tower, lr_scale=scale),
            ParameterGroup(parameters=other_parameters(self, tower)),
        ]

    def write(
        self, folder: Path, averaged: nn.Module, provenance: dict[str, Any], dtype: torch.dtype
    ) -> Path:
        return save_teacher(
            folder / TEACHER_FOLDER, averaged, self.preprocessing, provenance, self.tokenizer
        )

    def _chosen_names(self, labels_B: Tensor) -> Tensor:
        """Return the indices of the names that all processes tell apart in this step, in order."""
        labels_B = gathered(labels_B)
        own = torch.unique(labels_B[labels_B >= 0])
        others = torch.randperm(len(self.names)).to(labels_B.device)  # the same in all processes
        others = others[: max(self.config.names_per_step - len(own), 0)]
        chosen: Tensor = torch.unique(torch.cat([own, others]))
        return chosen

    def _texts(self, names: list[str]) -> tuple[Tensor, Tensor]:
        """Return the unit embeddings of names, and of what patches show, by a random template."""
        template = TEMPLATES[int(torch.randint(len(TEMPLATES), ()))]
        prompts = [template.format(label=name) for name in names + self.segments]
        inputs = self.tokenizer(prompts, padding=True, truncation=True, return_tensors="pt")
        device = self.model.device
        said = self.model.get_text_features(
            input_ids=inputs["input_ids"].to(device),
            attention_mask=inputs["attention_mask"].to(device),
        )
        unit = self._unit(said.pooler_output)
        return unit[: len(names)], unit[len(names) :]

    @staticmethod
    def _unit(values: Tensor) -> Tensor:
        return normalize(values.float(), dim=-1)
