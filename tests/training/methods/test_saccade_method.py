from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_runs import built, first_batch, learn
from tiny_teachers import clip_teacher, dinov3_teacher

from models.encoders import dinov3
from training.data import mixture
from training.data.batch import Batch
from training.methods import saccade, scaleevent
from training.methods.saccade import Saccade
from training.optim import OptimizerConfig
from training.recipe import Recipe, Stage

STAGE = Stage(steps=20, height=32, width=32, batch_size=8)
RECIPE = Recipe(
    name="test",
    stages=(STAGE,),
    data=mixture.Config(shares={"synthetic": 1.0}, with_images=True),
    encoder=dinov3.Config(
        width=16, depth=4, num_attention_heads=2, patch_size=8, mlp_width=32, num_registers=2
    ),
    method=saccade.Config(),
    optimizer=OptimizerConfig(lr=3e-3, warmup_steps=1),
)


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    image, text = (tmp_path_factory.mktemp(name) / "teacher" for name in ("image", "text"))
    dinov3_teacher(image)
    clip_teacher(text, ["a", "photo"])
    return image, text


@pytest.fixture(scope="module")
def batch() -> Batch:
    return first_batch(RECIPE)


def build(teachers: tuple[Path, Path], **options: object) -> Saccade:
    image, text = teachers
    structure = scaleevent.Config(teacher=str(image), trained="all", density_threshold=8)
    config = saccade.Config(
        structure=structure,
        **{"text_teacher": str(text), **options},  # type: ignore[arg-type]
    )
    method = built(replace(RECIPE, method=config))
    assert isinstance(method, Saccade)
    return method


def test_the_loss_is_the_weighted_sum_of_its_terms(
    teachers: tuple[Path, Path], batch: Batch
) -> None:
    method = build(teachers, difference_weight=0.3, text_weight=0.7)
    output = method(batch)
    terms = {name: value.item() for name, value in output.terms.items()}
    expected = terms["L_l1"] + 10 * terms["L_is"] + 4 * terms["L_cs"]
    expected += 0.3 * terms["L_rec"] + 0.7 * terms["L_text"]
    assert output.loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_difference_term_compares_active_patches_alone_with_float64_numpy(
    teachers: tuple[Path, Path], batch: Batch
) -> None:
    method = build(teachers)
    output = method(batch)
    assert method.to_difference is not None
    tokens = method.module.encoder.tokens(batch.events)
    said = method.to_difference(tokens.patches_BND).detach().double().numpy()
    pairs = batch.paired()
    luma = np.array([0.299, 0.587, 0.114])[:, None, None]
    end, start = (
        (each.double().numpy() / 255 * luma).sum(1) for each in (pairs.images, pairs.previous)
    )
    counts = pairs.counts.double().numpy()
    errors = []
    for b in range(len(counts)):
        for n in range(16):
            rows, columns = slice(n // 4 * 8, n // 4 * 8 + 8), slice(n % 4 * 8, n % 4 * 8 + 8)
            if counts[b, rows, columns].sum() < 8 * (8 / 16) ** 2:
                continue
            patch = (end - start)[b, rows, columns].reshape(-1)
            target = (patch - patch.mean()) / np.sqrt(patch.var(ddof=1) + 1e-6)
            errors.append(((said[b, n] - target) ** 2).mean())
    assert 0 < len(errors) < 16 * len(counts)
    assert output.terms["L_rec"].item() == pytest.approx(np.mean(errors), rel=1e-5)


def test_gradient_reaches_the_student_and_both_read_outs_and_nothing_else(
    teachers: tuple[Path, Path], batch: Batch
) -> None:
    method = build(teachers)
    method(batch).loss.backward()
    moved = {name for name, value in method.named_parameters() if value.grad is not None}
    still = {name for name, _ in method.named_parameters()} - moved
    assert any(name.startswith("module.encoder") for name in moved)
    assert {"to_difference.weight", "to_text.weight"} <= moved
    assert not still - {name for name in still if "mask_token" in name}
    assert not any("teacher" in name for name, _ in method.named_parameters())


def test_terms_can_be_left_out(teachers: tuple[Path, Path], batch: Batch) -> None:
    method = build(teachers, text_teacher=None, difference_weight=0.0)
    assert set(method(batch).terms) == {"L_l1", "L_is", "L_cs"}
    image, _ = teachers
    with pytest.raises(ValueError, match="shares no space with text"):
        build(teachers, text_teacher=str(image))


def test_twenty_steps_overfit_in_the_same_way_as_ever(
    teachers: tuple[Path, Path], batch: Batch
) -> None:
    method = build(teachers)
    optimizer = torch.optim.AdamW(method.parameters(), lr=3e-3)
    losses = learn(method, batch, optimizer, 20)
    found = [losses[0], losses[9], losses[19]]
    assert found == pytest.approx([5.82443, 1.58116, 1.03759], rel=1e-3)


def test_eight_samples_are_learned_by_heart(teachers: tuple[Path, Path], batch: Batch) -> None:
    method = build(teachers, difference_weight=0.0)
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-2, weight_decay=0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
    losses = learn(method, batch, optimizer, 300, schedule)
    assert losses[-1] < 0.01 * losses[0]
