"""The network that a run trains: made of a recipe, its start taken from another model file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.card import CardError, ModelCard
from models.model_file import load_card, load_model
from models.palette import color_of
from models.perception import Perception, describe_encoder
from training.data.mixture import DEPTH_RANGE_M

if TYPE_CHECKING:
    from training.recipe import Recipe

log = logging.getLogger(__name__)


def make_card(
    recipe: Recipe,
    *,
    tasks: tuple[str, ...] = (),
    recognition_labels: tuple[str, ...] = (),
    segmentation_labels: tuple[str, ...] = (),
    temporal: dict[str, Any] | None = None,
) -> ModelCard:
    """Return the card of the model that a recipe trains; without tasks, of a bare encoder.

    ``temporal`` describes what stands behind the encoder; None is nothing.
    """
    last = recipe.stages[-1]
    return ModelCard(
        name=recipe.name,
        spec=recipe.spec,
        window_us=recipe.window_us,
        stride_us=recipe.stride_us,
        input_height=last.height,
        input_width=last.width,
        tasks=tasks,
        recognition_labels=recognition_labels,
        segmentation_labels=segmentation_labels,
        palette=tuple(color_of(label) for label in segmentation_labels),
        depth_range_m=DEPTH_RANGE_M,
        encoder=describe_encoder(recipe.encoder),
        temporal=temporal or {},
    )


def temporal_of(initial: str | None) -> dict[str, Any]:
    """Return what stands behind the encoder of the model file that a run starts from, if any.

    Raises:
        FileNotFoundError: there is no such file.
        CardError: the file is no model file.
    """
    return {} if initial is None else load_card(Path(initial)).temporal


def build_student(recipe: Recipe, card: ModelCard) -> Perception:
    """Return the network of ``card``, its start as the encoder's and the recipe's ``initial`` say.

    Raises:
        FileNotFoundError: there is no such file.
        CardError: the file is no model file, or its encoder or representation differ.
        ValueError: the encoder cannot take the input size of a stage.
    """
    module = Perception(card)
    multiple = module.encoder.strides[-1]
    for number, stage in enumerate(recipe.stages):
        if stage.height % multiple or stage.width % multiple:
            raise ValueError(
                f"stage {number}'s input is {stage.width}x{stage.height}, the encoder takes "
                f"multiples of {multiple}: change --stages.{number}.height and .width"
            )
    module.encoder.activation_checkpointing = recipe.activation_checkpointing
    recipe.encoder.load_initial(module.encoder)
    if recipe.initial is not None:
        start_from(Path(recipe.initial), module, card)
    return module


def start_from(path: Path, module: Perception, card: ModelCard) -> None:
    """Load a model file's weights into ``module``: the encoder's, and the others' where they fit.

    Heads fit where tasks and labels are the same, and the temporal part where its sizes are.

    Raises:
        FileNotFoundError: there is no such file.
        CardError: the file is no model file, or its encoder or representation differ.
    """
    start, start_card = load_model(path)
    for item in ("encoder", "spec"):
        if getattr(start_card, item) != getattr(card, item):
            raise CardError(
                f"{path} cannot be the start of this run: its {item} is "
                f"{getattr(start_card, item)}, the recipe's is {getattr(card, item)}"
            )
    labels = ("tasks", "recognition_labels", "segmentation_labels")
    parts = ["encoder."]
    if start_card.temporal == card.temporal:
        parts.append("temporal.")
    if all(getattr(start_card, item) == getattr(card, item) for item in labels):
        parts += ["neck.", "heads."]
    elif card.tasks:
        log.info("%s gives the encoder; the heads start anew", path)
    kept = {
        name: value for name, value in start.state_dict().items() if name.startswith(tuple(parts))
    }
    module.load_state_dict(module.state_dict() | kept)
