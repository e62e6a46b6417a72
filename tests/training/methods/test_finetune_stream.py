from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from models.encoders import hybrid
from models.model_file import load_model, save_model
from models.perception import Perception
from models.temporal import causal_transformer, conv_recurrent
from models.temporal.temporal import TemporalConfig
from training.data import mixture, streams
from training.data.feed import batches
from training.data.streams import StreamBatch
from training.methods import finetune, finetune_stream
from training.methods.finetune_stream import FinetuneStream
from training.recipe import Recipe, Stage

STAGE = Stage(steps=20, height=32, width=64, batch_size=2)
NUM_WINDOWS = 4
PARTS: dict[str, TemporalConfig] = {
    "conv_recurrent": conv_recurrent.Config(state_width=8),
    "causal_transformer": causal_transformer.Config(depth=1, head_width=8, context_tokens=16),
}


def recipe_of(method: finetune_stream.Config) -> Recipe:
    return Recipe(
        name="test",
        stages=(STAGE,),
        data=streams.Config(num_windows=NUM_WINDOWS),
        method=method,
        encoder=hybrid.Config(
            widths=(8, 8, 8, 16), depths=(1, 1, 1, 1), stem_width=8, num_attention_heads=2
        ),
    )


def method_of(recipe: Recipe) -> FinetuneStream:
    torch.manual_seed(0)
    method = recipe.method.build(recipe, recipe.data.build(recipe))
    assert isinstance(method, FinetuneStream)
    return method.train()


@pytest.fixture(scope="module")
def batch() -> StreamBatch:
    recipe = recipe_of(finetune_stream.Config())
    feed = recipe.data.build(recipe)
    (delivery,) = batches(feed, STAGE, first=0, num_batches=1, num_workers=0)
    assert isinstance(delivery.batch, StreamBatch)
    return delivery.batch


@pytest.mark.parametrize("kind", PARTS)
def test_it_learns_a_few_streams_by_heart_with_all_that_it_has(
    batch: StreamBatch, kind: str
) -> None:
    method = method_of(recipe_of(finetune_stream.Config(temporal=PARTS[kind])))
    groups = method.parameter_groups()
    moved = [value for group in groups for value in group.parameters if value.requires_grad]
    optimizer = torch.optim.AdamW(moved, lr=3e-3)
    losses = []
    for _ in range(STAGE.steps):
        optimizer.zero_grad()
        output = method(batch)
        output.loss.backward()
        losses.append(output.loss.item())
        optimizer.step()
    assert set(output.terms) == {"recognition", "segmentation", "depth"}
    assert losses[-1] < 0.7 * losses[0]
    assert all(value.grad is not None for value in moved)
    assert all(value.grad.any() for value in method.temporal.parameters() if value.requires_grad)


def test_what_it_trains_is_what_is_streamed(batch: StreamBatch) -> None:
    for kind, part in PARTS.items():
        method = method_of(recipe_of(finetune_stream.Config(temporal=part))).eval()
        with torch.no_grad():
            for value in method.temporal.parameters():
                value.add_(torch.randn_like(value) * 0.1)
            maps = torch.randn(2, NUM_WINDOWS, 16, 1, 2)
            streamed = method._streamed(maps, batch.elapsed)
            expected = method.temporal.sequence(maps, batch.elapsed)
        torch.testing.assert_close(streamed, expected, msg=kind)


@pytest.mark.parametrize(("truncate_windows", "reached"), [(8, 0), (2, 2), (1, 3)])
def test_the_gradient_reaches_as_far_back_as_is_asked(truncate_windows: int, reached: int) -> None:
    method = method_of(recipe_of(finetune_stream.Config(truncate_windows=truncate_windows)))
    with torch.no_grad():
        method.temporal.project.weight.normal_()
    maps = torch.randn(2, NUM_WINDOWS, 16, 1, 2, requires_grad=True)
    method._streamed(maps, torch.ones(2, NUM_WINDOWS))[:, -1].sum().backward()
    felt = maps.grad.abs().sum((0, 2, 3, 4)) > 0
    assert felt.tolist() == [i >= reached for i in range(NUM_WINDOWS)]


def test_the_model_file_streams(batch: StreamBatch, tmp_path: Path) -> None:
    method = method_of(recipe_of(finetune_stream.Config()))
    path = method.write(tmp_path, method.trained(), {}, torch.float32)
    module, card = load_model(path)
    assert card.is_streaming
    assert card.temporal["kind"] == "conv_recurrent"
    events = batch.windows.events[:1]
    memory = module.empty_memory(1, STAGE.height, STAGE.width)
    _, after = module.forward_stream(events, torch.ones(1), memory)
    assert after["state"].any()


def test_it_goes_on_from_an_engine_without_a_memory_where_that_is(
    batch: StreamBatch, tmp_path: Path
) -> None:
    recipe = recipe_of(finetune_stream.Config())
    still = replace(recipe, data=mixture.Config(), method=finetune.Config())
    before = still.method.build(still, still.data.build(still))
    trained = before.trained().eval()
    assert isinstance(trained, Perception)
    save_model(tmp_path / "still.safetensors", trained, before.card)
    method = method_of(replace(recipe, initial=str(tmp_path / "still.safetensors"))).eval()
    with torch.no_grad():
        expected = trained(batch.windows.events)
        shape = tuple(batch.elapsed.shape)
        events = batch.windows.events.unflatten(0, shape)
        found = method.module.forward_sequence(events, batch.elapsed)
    for task, value in expected.items():
        torch.testing.assert_close(found[task].flatten(0, 1), value)


def test_a_frozen_encoder_stays(batch: StreamBatch) -> None:
    method = method_of(recipe_of(finetune_stream.Config(encoder_lr_scale=0)))
    encoder, _ = method.parameter_groups()
    method(batch).loss.backward()
    assert all(value.grad is None for value in encoder.parameters)


def test_norms_that_keep_their_statistics_learn_all_the_same(batch: StreamBatch) -> None:
    norms = {}
    for keeps in (True, False):
        method = method_of(recipe_of(finetune_stream.Config(keeps_statistics=keeps))).train()
        norms[keeps] = [part for part in method.modules() if isinstance(part, nn.BatchNorm2d)]
        assert norms[keeps]
        assert method.module.encoder.training
        before = [norm.running_mean.clone() for norm in norms[keeps]]
        method(batch).loss.backward()
        has_moved = [
            not norm.running_mean.equal(mean)
            for norm, mean in zip(norms[keeps], before, strict=True)
        ]
        assert any(has_moved) is not keeps
    assert all(norm.weight.grad.abs().sum() > 0 for norm in norms[True][-3:])


def test_other_data_and_no_windows_are_refused() -> None:
    recipe = replace(recipe_of(finetune_stream.Config()), data=mixture.Config())
    with pytest.raises(ValueError, match="finetune_stream learns from streams, got WindowFeed"):
        method_of(recipe)
    with pytest.raises(ValueError, match="truncate_windows must be at least 1, got 0"):
        finetune_stream.Config(truncate_windows=0)
