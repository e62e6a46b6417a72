from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from picture_batches import SIZE, picture_batch
from tiny_runs import learn

from models.teachers.open import open_teacher
from models.teachers.preprocessing import CLIP, Preprocessing
from training.clip_tower import start_tower
from training.methods import image_teacher
from training.methods.image_text_teacher import Config, ImageTextTeacher, clip_model
from training.prompts import TEMPLATES, small_tokenizer

NAMES = [f"{kind} {what}" for kind in ("red", "blue") for what in ("cat", "dog", "fish", "bird")]
NAMES += [f"thing number {i}" for i in range(992)]
SEGMENTS = ["sky", "road", "car"]
TINY = Config(
    width=24, depth=2, num_heads=2, text_width=16, text_depth=1, embedding_width=12,
    names_per_step=16,
)  # fmt: skip


def method(**changes: Any) -> ImageTextTeacher:
    torch.manual_seed(0)
    config = replace(TINY, **changes)
    prompts = [each.format(label=name) for each in TEMPLATES for name in NAMES + SEGMENTS]
    tokenizer = small_tokenizer(prompts, 400)
    model = clip_model(config, SIZE, tokenizer)
    preprocessing = Preprocessing(*CLIP, size=SIZE)
    return ImageTextTeacher(config, model, tokenizer, preprocessing, NAMES, SEGMENTS).train()


def steps(made: ImageTextTeacher, num: int, lr: float) -> list[float]:
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(made.parameters(), lr=lr)
    return learn(made, picture_batch(num_classes=8), optimizer, num)


def test_every_term_is_told_and_the_loss_is_their_weighted_sum() -> None:
    output = method()(picture_batch(num_classes=8))
    assert set(output.terms) == set(TINY.weights)
    expected = sum(TINY.weights[name] * term.item() for name, term in output.terms.items())
    assert output.loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_gradient_reaches_both_towers() -> None:
    made = method()
    made(picture_batch(num_classes=8)).loss.backward()
    assert [name for name, value in made.named_parameters() if value.grad is None] == []


def test_the_names_of_a_step_hold_those_of_its_pictures() -> None:
    labels = torch.tensor([3, -1, 900, 3])
    chosen = method()._chosen_names(labels)
    assert {3, 900} <= set(chosen.tolist())
    assert len(chosen.unique()) == len(chosen)
    assert 14 <= len(chosen) <= TINY.names_per_step


def test_twenty_steps_are_the_same_twice() -> None:
    assert steps(method(), 20, 1e-3) == steps(method(), 20, 1e-3)


def test_eight_pictures_are_learnt_by_heart() -> None:
    made = method(weights={"labels": 1.0, "segmentation": 1.0})
    steps(made, 120, 5e-3)
    output = made(picture_batch(num_classes=8))
    assert output.terms["labels"] < 0.1
    assert output.terms["segmentation"] < 0.1
    assert output.metrics["right"] == 1


def test_what_is_written_opens_as_a_teacher_of_pictures_and_text(tmp_path: Path) -> None:
    made = method().eval()
    path = made.write(tmp_path, made.trained(), {}, torch.float32)
    teacher = open_teacher(str(path))
    assert teacher.embedding_width == 12
    said = teacher.texts(["a photo of a red cat", "a photo of a blue fish", "an unknown zebra!"])
    assert said.shape == (3, 12)
    inputs = made.tokenizer(["a photo of a red cat"], return_tensors="pt")
    with torch.no_grad():
        expected = made.model.get_text_features(inputs["input_ids"]).pooler_output
    torch.testing.assert_close(said[:1], expected, rtol=1e-4, atol=1e-5)


def test_the_image_tower_starts_where_the_image_teacher_ended() -> None:
    torch.manual_seed(0)
    config = image_teacher.Config(width=24, depth=2, num_heads=2, patch_size=8, num_registers=0)
    network = image_teacher.vision_transformer(config, SIZE).eval()
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.05 * torch.randn_like(value))
    tower = method().model.vision_model.eval()
    pixels = torch.randn(4, 3, SIZE, SIZE)
    random_tokens = tower.post_layernorm(tower(pixels).last_hidden_state)
    start_tower(tower, network, pixels)
    with torch.no_grad():
        theirs = network(pixels).last_hidden_state
        mine = tower.post_layernorm(tower(pixels).last_hidden_state)
    likeness = torch.nn.functional.cosine_similarity(mine, theirs, dim=-1).mean()
    before = torch.nn.functional.cosine_similarity(random_tokens, theirs, dim=-1).mean()
    assert likeness > 0.95 > before + 0.3


def test_a_start_of_other_sizes_is_an_error() -> None:
    config = image_teacher.Config(width=16, depth=2, num_heads=2, patch_size=8)
    network = image_teacher.vision_transformer(config, SIZE)
    with pytest.raises(ValueError, match="choose equal sizes"):
        start_tower(method().model.vision_model, network, torch.randn(1, 3, SIZE, SIZE))


def test_any_words_have_tokens_between_a_start_and_an_end() -> None:
    tokenizer = small_tokenizer(["a photo of a cat"], 200)
    ids = tokenizer("A zebra, unheard of")["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.unk_token_id not in ids
    assert ids == tokenizer("a ZEBRA, unheard of")["input_ids"]
