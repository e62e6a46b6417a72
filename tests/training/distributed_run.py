"""A run that torchrun starts in several processes: the program of test_distributed.py."""

from __future__ import annotations

import logging
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from models.encoders import vit
from models.global_batch import gathered
from models.perception import Perception
from training.data import mixture
from training.data.batch import Batch
from training.data.feed import Feed
from training.distributed import joined
from training.loop import Progress, train
from training.methods.method import Method, MethodConfig, StepOutput
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage
from training.run_folder import open_run_folder
from training.student import build_student, make_card

NEVER = -1


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Contrast of two halves of each window's tokens, over the global batch."""

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        return Contrast(build_student(recipe, make_card(recipe)), recipe)


class Contrast(Method):
    def __init__(self, module: Perception, recipe: Recipe) -> None:
        super().__init__()
        self.module = module
        self.card = make_card(recipe)

    def trained(self) -> nn.Module:
        return self.module

    def after_step(self, step: int) -> None:
        """Die in the second process, where the environment says so, until torchrun restarts it."""
        is_second = os.environ["RANK"] == "1" and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        if is_second and step == int(os.environ.get("DIES_AFTER", NEVER)):
            os.kill(os.getpid(), signal.SIGKILL)

    def forward(self, batch: Batch) -> StepOutput:
        tokens_BND = self.module.encoder.tokens(batch.events).patches_BND
        half = tokens_BND.shape[1] // 2
        query = normalize(tokens_BND[:, :half].mean(1), dim=-1)
        key = normalize(tokens_BND[:, half:].mean(1), dim=-1)
        queries, keys = gathered(query), gathered(key)
        own = torch.arange(len(queries))
        contrast = cross_entropy(queries @ keys.T / 0.1, own)
        square = tokens_BND.square().mean()
        return StepOutput(contrast + square, {"contrast": contrast, "square": square})


def recipe(strategy: str, batch_size: int, num_steps: int) -> Recipe:
    return Recipe(
        name="distributed",
        stages=(Stage(steps=num_steps, height=32, width=32, batch_size=batch_size),),
        data=mixture.Config(shares={"synthetic": 1.0}),
        method=Config(),
        encoder=vit.Config(width=32, depth=4, num_attention_heads=2, patch_size=8),
        optimizer=OptimizerConfig(warmup_steps=1, lr=3e-3),
        precision="fp32",
        strategy="fsdp" if strategy == "fsdp" else "ddp",
        ema_decay=0.5,
        num_workers=0,
        checkpoint_every=3,
        log_every=1,
    )


def main() -> None:
    folder, strategy, batch_size, stop_at = sys.argv[1:]
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO)
    made = recipe(strategy, int(batch_size), 6)

    def report(progress: Progress) -> None:
        if progress.step == int(stop_at):
            raise SystemExit(1)

    with joined(torch.device("cpu")) as world:
        held = open_run_folder(Path(folder), made, world, "resume", allow_changes=True)
        train(made, held, world, report=report)


if __name__ == "__main__":
    main()
