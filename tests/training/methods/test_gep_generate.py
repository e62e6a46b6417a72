from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import learn
from torch import Tensor
from torch.nn.functional import layer_norm
from transformers import Dinov2Config, Dinov2Model

from models.encoders import dinov2
from models.encoders.encoder import Tokens
from models.model_file import load_model, save_model
from models.perception import Perception, describe_encoder
from models.teachers.open import open_teacher
from models.teachers.preprocessing import IMAGENET, Preprocessing
from models.teachers.save import save_teacher
from models.teachers.teacher import Teacher
from models.temporal import causal_transformer
from training.data import mixture, token_stream
from training.data.frame_tokens import Tokenizer
from training.data.token_sequence import Layout, arrange
from training.data.token_stream import FilmBatch, TokenBatch
from training.methods import finetune, gep_align
from training.methods.gep_generate import Config, GepGenerate
from training.recipe import Recipe, Stage
from training.student import build_student, make_card, temporal_of

SIZE, WIDTH, PATCH, M = 16, 16, 8, 12
TEMPORAL = causal_transformer.Config(depth=2, head_width=8, context_tokens=M)
ENCODER = dinov2.Config(
    width=WIDTH,
    depth=2,
    num_attention_heads=2,
    patch_size=PATCH,
    image_size=SIZE,
    num_registers=0,
    map_blocks=(0, 1),
)
RECIPE = Recipe(
    name="test",
    stages=(Stage(steps=1, height=SIZE, width=SIZE, batch_size=2),),
    data=token_stream.Config(sequences={"synthetic": 2}, num_windows=2, window_tokens=M),
    method=Config(temporal=TEMPORAL),
    encoder=ENCODER,
)


class PixelTeacher(Teacher):
    """Says of each patch its first pixels."""

    name, width, patch_stride, fingerprint = "pixels", WIDTH, PATCH, "pixels"

    def tokens(self, images_B3HW: Tensor) -> Tokens:
        patches = torch.nn.functional.unfold(images_B3HW.float() / 255, PATCH, stride=PATCH)
        patches_BND = patches.transpose(1, 2)[:, :, :WIDTH]
        return Tokens(patches_BND, patches_BND[:, :0], SIZE // PATCH, SIZE // PATCH)


def method(layout: Layout | None = None) -> GepGenerate:
    torch.manual_seed(0)
    card = make_card(RECIPE, temporal=describe_encoder(TEMPORAL))
    module = Perception(card)
    return GepGenerate(
        module, card, Tokenizer(module.encoder, PixelTeacher()), layout or Layout(), M
    )


def batch(size: int = 4) -> TokenBatch:
    generator = torch.Generator().manual_seed(3)
    return TokenBatch(
        # normalised, as an encoder's final tokens are: others lie outside the head's reach
        tokens=layer_norm(torch.randn(size, M + 1, WIDTH, generator=generator), (WIDTH,)),
        modality=torch.randint(5, (size, M + 1), generator=generator),
        names=("x",) * size,
    )


def films(size: int = 2) -> FilmBatch:
    generator = torch.Generator().manual_seed(4)
    shape = (size, 2, 3, SIZE, SIZE)
    return FilmBatch(
        events=torch.randn(size, 2, 5, SIZE, SIZE, generator=generator),
        images=torch.randint(256, shape, generator=generator, dtype=torch.uint8),
        is_static=(False, True)[:size],
        names=("x",) * size,
    )


def test_the_loss_is_the_mean_square_of_what_comes_next() -> None:
    generative, stretches = method().eval(), batch()
    output = generative(stretches)
    said = generative.transformer(stretches.tokens[:, :-1], stretches.modality[:, :-1])
    error = (said.double() - stretches.tokens[:, 1:].double()).square()
    assert output.loss.item() == pytest.approx(error.mean().item(), abs=1e-5)
    assert output.terms == {"next_token": output.loss}
    is_image = (stretches.modality[:, 1:] == 1) | (stretches.modality[:, 1:] == 3)
    of_images = error.mean(-1)[is_image].mean().item()
    assert output.metrics["images"].item() == pytest.approx(of_images, abs=1e-5)


def test_scenes_are_encoded_in_the_step_as_they_would_have_been_before_it() -> None:
    generative, scenes = method().train(), films()
    online = generative._tokens(scenes)
    for i, is_static in enumerate(scenes.is_static):
        with torch.no_grad():
            event = generative.module.encoder.tokens(scenes.events[i]).patches_BND
        image = generative.tokenizer.teacher.tokens(scenes.images[i]).patches_BND
        tokens, modality = arrange(event, image, Layout(), is_static=is_static)
        torch.testing.assert_close(online.tokens[i], tokens[: M + 1])
        assert torch.equal(online.modality[i], modality[: M + 1])
    assert generative(scenes).loss.isfinite()


def test_the_transformer_alone_learns() -> None:
    generative = method().train()
    generative(films()).loss.backward()
    mine = dict(generative.transformer.named_parameters())
    assert all(value.grad is not None and value.grad.any() for value in mine.values())
    assert all(value.grad is None for value in generative.module.encoder.parameters())
    (group,) = generative.parameter_groups()
    assert [id(value) for value in group.parameters] == [id(value) for value in mine.values()]
    assert not generative.module.encoder.training


def losses(steps: int, generative: GepGenerate, lr: float, size: int) -> list[float]:
    (group,) = generative.parameter_groups()
    optimizer = torch.optim.AdamW(group.parameters, lr=lr, weight_decay=0)
    return learn(generative, batch(size), optimizer, steps)


def test_eight_samples_are_learnt_by_heart() -> None:
    seen = losses(120, method(), 1e-2, 8)
    assert seen[0] > 0.9
    assert seen[-1] < 0.001


def test_twenty_steps_are_those_of_before() -> None:
    seen = losses(20, method(), 3e-3, 4)
    assert seen[::5] == pytest.approx([1.0053744, 0.9452431, 0.8865709, 0.8195202], rel=1e-4)


def test_a_run_goes_from_an_aligned_encoder_to_a_model_that_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    recipe = stage_two(tmp_path)
    feed = recipe.data.build(recipe)
    generative = recipe.method.build(recipe, feed)
    samples = feed.samples(recipe.stages[0])
    assert generative(feed.collate([samples[0], samples[1]])).loss.isfinite()
    path = generative.write(tmp_path, generative.trained(), {"recipe": "test"}, torch.float32)

    module, card = load_model(path)
    aligned, _ = load_model(tmp_path / "aligned.safetensors")
    events = torch.randn(1, 5, SIZE, SIZE)
    assert module.temporal is not None
    expected = module.temporal.frame(aligned.encoder.tokens(events).map)
    torch.testing.assert_close(module(events)["tokens"], expected)
    assert card.temporal == describe_encoder(TEMPORAL)


def test_fine_tuning_goes_on_with_the_transformer_behind_the_encoder(tmp_path: Path) -> None:
    card = make_card(RECIPE, temporal=describe_encoder(TEMPORAL))
    start = Perception(card)
    save_model(tmp_path / "start.safetensors", start, card)
    recipe = replace(
        RECIPE,
        initial=str(tmp_path / "start.safetensors"),
        data=mixture.Config(),
        method=finetune.Config(encoder_lr_scale=0.01),
    )
    tuned = recipe.method.build(recipe, recipe.data.build(recipe))
    assert isinstance(tuned, finetune.Finetune)
    assert start.temporal is not None
    assert tuned.module.temporal is not None
    theirs = tuned.module.temporal.state_dict()
    assert all(
        torch.equal(theirs[key], value) for key, value in start.temporal.state_dict().items()
    )
    slow, fast = tuned.parameter_groups()
    assert {id(value) for value in tuned.module.temporal.parameters()} <= {
        id(value) for value in slow.parameters
    }
    assert (slow.lr_scale, fast.lr_scale) == (0.01, 1.0)


def test_an_encoder_alone_may_start_from_a_model_with_a_transformer(tmp_path: Path) -> None:
    card = make_card(RECIPE, temporal=describe_encoder(TEMPORAL))
    save_model(tmp_path / "start.safetensors", Perception(card), card)
    recipe = replace(RECIPE, initial=str(tmp_path / "start.safetensors"))
    assert build_student(recipe, make_card(recipe)).temporal is None
    assert temporal_of(recipe.initial) == card.temporal
    assert temporal_of(None) == {}


def stage_two(folder: Path) -> Recipe:
    """A recipe with an aligned encoder and a teacher in ``folder``."""
    card = make_card(RECIPE)
    save_model(folder / "aligned.safetensors", Perception(card), card)
    sizes: dict[str, Any] = {"hidden_size": WIDTH, "num_hidden_layers": 1}
    sizes |= {"num_attention_heads": 2, "patch_size": PATCH, "image_size": SIZE}
    teacher = Dinov2Model(Dinov2Config(**sizes))
    save_teacher(folder / "teacher", teacher, Preprocessing(*IMAGENET, SIZE), {})
    return replace(
        RECIPE,
        initial=str(folder / "aligned.safetensors"),
        method=Config(temporal=TEMPORAL, teacher=str(folder / "teacher")),
    )


def test_what_a_run_lacks_is_said_before_anything_is_made(tmp_path: Path) -> None:
    recipe = RECIPE
    feed = recipe.data.build(recipe)
    with pytest.raises(ValueError, match="needs an aligned encoder: set --initial"):
        recipe.method.build(recipe, feed)
    with pytest.raises(ValueError, match="learns from tokens, got WindowFeed"):
        recipe.method.build(recipe, mixture.Config().build(recipe))
    short = replace(
        recipe, initial="x", method=Config(temporal=replace(TEMPORAL, context_tokens=8))
    )
    with pytest.raises(
        ValueError, match="window_tokens 12 exceed the transformer's context: raise"
    ):
        short.method.build(short, feed)


def test_the_log_shows_tokens_and_what_was_predicted() -> None:
    panels = method().pictures(batch())
    assert {name: tuple(picture.shape) for name, picture in panels.items()} == {
        "tokens": (3, 1, 12),
        "predicted": (3, 1, 12),
    }


def test_stage_one_s_teacher_shows_its_patch_embedding(tmp_path: Path) -> None:
    stage_two(tmp_path)
    teacher = open_teacher(str(tmp_path / "teacher"))
    assert isinstance(teacher, gep_align.EmbedsPatches)
    images = torch.randint(256, (2, 3, SIZE, SIZE), dtype=torch.uint8)
    embedded = teacher.patch_embedding(images)
    convolution = teacher.model.embeddings.patch_embeddings.projection
    expected = convolution(teacher.preprocessing.normalized(images)).flatten(2).transpose(1, 2)
    torch.testing.assert_close(embedded, expected)
