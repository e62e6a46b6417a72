"""GEP, stage 2: a causal transformer predicts the next token of events and pictures in turn.

"Generative Event Pretraining with Foundation Model Alignment", CVPR Findings 2026, arXiv
2603.23032, the generative stage. Both encoders are frozen: the aligned one of stage 1, which is
``initial``, and the image teacher. With x_t = token_t + modality[id_t] + position[t]
(models/temporal/causal_transformer) and h the transformer's normalised output:

    L2 = mean || head(h_t) - sg(token_{t+1}) ||^2      (training/losses/next_token)

over all positions and channels, across frames and modalities. Published: DINOv2's 256 patch tokens
a frame at 224x224, 12 blocks, 4,096 tokens of context, AdamW at 1e-4 with decay 1e-5, batches of 8,
100 steps of warm-up, a cosine to 0 over up to a million steps, gradient norm at most 1.

The model file is the encoder with the transformer behind it, run over one frame at a time.
"""

# B batch, F windows of a sequence, M tokens of a window, D width of a token

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from models.card import ModelCard
from models.global_batch import averaged, global_count
from models.perception import Perception, describe_encoder
from models.teachers.open import open_teacher
from models.temporal import causal_transformer
from models.temporal.causal_transformer import CausalTransformer, Modality
from models.token_pictures import fit_colors
from training.data.feed import Feed
from training.data.frame_tokens import Tokenizer
from training.data.token_sequence import Layout, arrange
from training.data.token_stream import FilmBatch, TokenBatch, TokenFeed
from training.losses.next_token import next_token
from training.methods.method import Method, MethodConfig, StepOutput
from training.optim import ParameterGroup
from training.student import build_student, make_card

if TYPE_CHECKING:
    from training.recipe import Recipe

STRIP_TOKENS = 16
"""Tokens in a row of a picture."""


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """The teacher and the transformer."""

    teacher: str = "out/image_teacher/teacher"
    """Hub name or local folder of the image model that stage 1 aligned to."""
    temporal: causal_transformer.Config = field(default_factory=causal_transformer.Config)
    """Its sizes; a context as long as the data's windows."""

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        if not isinstance(feed, TokenFeed):
            raise ValueError(f"gep_generate learns from tokens, got {type(feed).__name__}")
        if recipe.initial is None:
            raise ValueError(
                "gep_generate needs an aligned encoder: set --initial to the model.safetensors of "
                "a run of gep_align"
            )
        if feed.config.window_tokens > self.temporal.context_tokens:
            raise ValueError(
                f"data.window_tokens {feed.config.window_tokens} exceed the transformer's context: "
                f"raise --method.temporal.context-tokens from {self.temporal.context_tokens}"
            )
        card = make_card(recipe, temporal=describe_encoder(self.temporal))
        module = build_student(recipe, card)
        tokenizer = Tokenizer(module.encoder, open_teacher(self.teacher))
        feed.fill(tokenizer)
        return GepGenerate(module, card, tokenizer, feed.config.layout, feed.config.window_tokens)


class GepGenerate(Method):
    """Next-token regression; the transformer alone learns."""

    def __init__(
        self,
        module: Perception,
        card: ModelCard,
        tokenizer: Tokenizer,
        layout: Layout,
        window_tokens: int,
    ) -> None:
        super().__init__()
        self.module = module
        self.card = card
        self.tokenizer = tokenizer
        self.layout = layout
        self.window_tokens = window_tokens
        module.encoder.requires_grad_(False)

    @property
    def transformer(self) -> CausalTransformer:
        """What learns."""
        transformer = self.module.temporal
        assert isinstance(transformer, CausalTransformer)
        return transformer

    def train(self, mode: bool = True) -> GepGenerate:
        """Set the transformer's mode; the encoder stays as it will be run."""
        super().train(mode)
        self.module.encoder.eval()
        return self

    def forward(self, batch: TokenBatch | FilmBatch) -> StepOutput:
        tokens = self._tokens(batch)
        seen, following = tokens.tokens[:, :-1], tokens.tokens[:, 1:]
        predicted = self.transformer(seen, tokens.modality[:, :-1])
        loss = next_token(predicted, following)
        return StepOutput(
            loss, {"next_token": loss}, self._errors(predicted, following, tokens.modality[:, 1:])
        )

    def trained(self) -> nn.Module:
        return self.module

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup(parameters=tuple(self.transformer.parameters()))]

    @torch.no_grad()
    def pictures(self, batch: Any) -> dict[str, Tensor]:
        """Return the first window's tokens as colours, 16 a row, and what was predicted of them."""
        tokens = self._tokens(batch)
        predicted = self.transformer(tokens.tokens[:1, :-1], tokens.modality[:1, :-1])[0]
        columns = min(STRIP_TOKENS, len(predicted))
        rows = len(predicted) // columns
        strips = {
            name: each[: rows * columns].T.reshape(-1, rows, columns)
            for name, each in (("tokens", tokens.tokens[0, 1:]), ("predicted", predicted))
        }
        arrays = {name: strip.float().cpu().numpy() for name, strip in strips.items()}
        colors = fit_colors(arrays["tokens"])
        return {
            name: torch.from_numpy(colors.paint(each)).permute(2, 0, 1)
            for name, each in arrays.items()
        }

    def _tokens(self, batch: TokenBatch | FilmBatch) -> TokenBatch:
        """Return the batch's tokens; scenes that have none yet are encoded here."""
        if isinstance(batch, TokenBatch):
            return batch
        num_scenes, num_windows = batch.events.shape[:2]
        both = self.tokenizer(batch.events.flatten(0, 1), batch.images.flatten(0, 1))
        event, image = (
            each.float().reshape(num_scenes, num_windows, *each.shape[1:]) for each in both
        )
        made = [
            arrange(event[i], image[i], self.layout, is_static=is_static)
            for i, is_static in enumerate(batch.is_static)
        ]
        window = slice(self.window_tokens + 1)
        return TokenBatch(
            tokens=torch.stack([tokens[window] for tokens, _ in made]),
            modality=torch.stack([modality[window] for _, modality in made]),
            names=batch.names,
        )

    @torch.no_grad()
    def _errors(
        self, predicted: Tensor, following: Tensor, modality_BM: Tensor
    ) -> dict[str, Tensor]:
        """Return the error by what was to be predicted, where there was such, and a baseline."""
        error_BM = (predicted.float() - following).square().mean(-1)
        kinds = {
            "events": (Modality.VIDEO_EVENTS, Modality.STATIC_EVENTS),
            "images": (Modality.VIDEO_IMAGE, Modality.STATIC_IMAGE),
        }
        mean_D = averaged(following.mean((0, 1)))
        errors = {"of_mean_token": (following - mean_D).square().mean()}
        for name, ids in kinds.items():
            is_kind = torch.isin(modality_BM, modality_BM.new_tensor(ids))
            errors[name] = (error_BM * is_kind).sum() / global_count(is_kind.sum())
        return errors
