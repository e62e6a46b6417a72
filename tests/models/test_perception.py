from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_engine import tiny_card

from models.card import CardError
from models.heads.head import Targets
from models.perception import Perception, describe_encoder
from training.recipes.default import recipe

CARD = tiny_card()


def unknown_targets(batch_size: int = 2) -> Targets:
    return Targets(
        recognition=torch.full((batch_size,), -1),
        segmentation=torch.full((batch_size, 16, 24), 255),
        depth_m=torch.zeros(batch_size, 16, 24),
    )


def test_one_pass_answers_every_task_in_the_shapes_of_the_card() -> None:
    outputs = Perception(CARD).eval()(torch.randn(2, 5, 64, 96))
    assert {task: tuple(value.shape) for task, value in outputs.items()} == {
        "recognition": (2, 7),
        "segmentation": (2, 3, 16, 24),
        "depth": (2, 1, 16, 24),
    }


def test_depth_stays_inside_the_card_s_range_whatever_the_input() -> None:
    module = Perception(CARD).eval()
    depth_m = module(1e4 * torch.randn(2, 5, 64, 96))["depth"]
    near, far = CARD.depth_range_m
    assert torch.isfinite(depth_m).all()
    assert depth_m.min() >= near * 0.999
    assert depth_m.max() <= far * 1.001


def test_the_default_network_has_at_most_8_million_parameters() -> None:
    card = replace(
        CARD,
        encoder=describe_encoder(recipe().encoder),
        recognition_labels=tuple(map(str, range(210))),
        segmentation_labels=tuple(map(str, range(21))),
    )
    assert sum(value.numel() for value in Perception(card).parameters()) <= 8_000_000


def test_a_batch_without_any_label_costs_nothing_and_moves_nothing() -> None:
    module = Perception(CARD)
    outputs = module(torch.randn(2, 5, 64, 96))
    losses = module.losses(outputs, unknown_targets())
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert total.item() == 0
    assert all(p.grad is None or not p.grad.any() for p in module.parameters())


def test_each_loss_is_small_for_the_truth_and_larger_for_a_lie() -> None:
    module = Perception(CARD)
    truth = Targets(
        recognition=torch.tensor([1, -1]),
        segmentation=torch.ones(2, 16, 24, dtype=torch.int64),
        depth_m=torch.full((2, 16, 24), 2.0),
    )
    right = {
        "recognition": torch.tensor([[-9.0, 9.0] + 5 * [-9.0], 7 * [0.0]]),
        "segmentation": torch.stack([torch.full((2, 16, 24), v) for v in (-9.0, 9.0, -9.0)], 1),
        "depth": torch.full((2, 1, 16, 24), 2.0),
    }
    wrong = {task: 3 - value if task == "depth" else -value for task, value in right.items()}
    good, bad = module.losses(right, truth), module.losses(wrong, truth)
    assert good["depth"].item() == pytest.approx(0, abs=1e-6)
    assert bad["depth"].item() == pytest.approx(0.6931, abs=1e-3)  # 1 m for 2 m: log 2
    assert all(good[task] < bad[task] for task in CARD.tasks)


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(CardError, match="flow"):
        Perception(replace(CARD, tasks=("flow",)))
