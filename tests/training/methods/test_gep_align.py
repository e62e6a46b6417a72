from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_runs import learn, pair_batch
from torch import Tensor
from transformers import Dinov2Config, Dinov2Model

from events.representations.red_blue import RedBlueSpec
from models.encoders import dinov2, hybrid
from models.encoders.encoder import Tokens
from models.perception import Perception
from models.teachers.teacher import Teacher
from training.data import mixture
from training.data.batch import Batch, Pairs
from training.methods.gep_align import Config, GepAlign, exchange_red_and_blue
from training.recipe import Recipe, Stage
from training.student import make_card

SIZE, WIDTH, PATCH = 16, 16, 8
SPEC = RedBlueSpec(mean=(0.9, 0.8, 0.95), std=(0.2, 0.3, 0.25))
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
    stages=(Stage(steps=1, height=SIZE, width=SIZE, batch_size=4),),
    data=mixture.Config(with_images=True),
    method=Config(),
    encoder=ENCODER,
    spec=SPEC,
)


class TinyTeacher(Teacher):
    """A random DINOv2 of transformers."""

    name, width, patch_stride, fingerprint = "tiny", WIDTH, PATCH, "0"

    def __init__(self, width: int = WIDTH) -> None:
        torch.manual_seed(5)
        self.width = width
        self.model: Any = Dinov2Model(
            Dinov2Config(
                hidden_size=width,
                num_hidden_layers=2,
                num_attention_heads=2,
                patch_size=PATCH,
                image_size=SIZE,
                initializer_range=0.3,
            )
        ).eval()

    @torch.no_grad()
    def tokens(self, images_B3HW: Tensor) -> Tokens:
        states = self.model(self._normalized(images_B3HW)).last_hidden_state
        grid = (images_B3HW.shape[2] // PATCH, images_B3HW.shape[3] // PATCH)
        return Tokens(states[:, 1:], states[:, :1], *grid)

    @torch.no_grad()
    def patch_embedding(self, images_B3HW: Tensor) -> Tensor:
        embedded: Tensor = self.model.embeddings.patch_embeddings(self._normalized(images_B3HW))
        return embedded

    def _normalized(self, images_B3HW: Tensor) -> Tensor:
        return images_B3HW.float() / 127.5 - 1


def method(config: Config | None = None, *, teacher_width: int = WIDTH, **encoder: Any) -> GepAlign:
    recipe = replace(RECIPE, encoder=replace(ENCODER, **encoder))
    return make(recipe, config or Config(), TinyTeacher(teacher_width))


def make(recipe: Recipe, config: Config, teacher: Teacher) -> GepAlign:
    torch.manual_seed(0)
    card = make_card(recipe)
    return GepAlign(config, Perception(card), card, teacher, are_film=(False, True))


def batch(size: int = 4, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (size, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    events = torch.randn(size, 3, SIZE, SIZE, generator=generator)
    return pair_batch(events, images, images, torch.arange(size) % 2)


def test_the_paper_s_loss_is_the_cosine_and_a_tenth_of_its_pull_from_the_contrast() -> None:
    trained = method(Config(polarity_swap=0)).train()
    output = trained(batch())
    assert list(output.terms) == ["cos", "nce"]
    expected = output.terms["cos"] + output.metrics["factor_nce"] * output.terms["nce"]
    torch.testing.assert_close(output.loss, expected)

    tokens = trained.module.encoder.tokens(batch().events).all.detach().requires_grad_()
    taught = trained.teacher.tokens(batch().paired().images).all
    temperature = torch.tensor([0.2, 0.5, 0.2, 0.5])
    again = trained._combine(tokens, taught, None, temperature)
    pulls = {
        name: torch.autograd.grad(term, tokens, retain_graph=True)[0].norm()
        for name, term in again.terms.items()
    }
    assert (again.metrics["factor_nce"] * pulls["nce"] / pulls["cos"]).item() == pytest.approx(0.1)
    torch.testing.assert_close(again.loss, output.loss)


@pytest.mark.parametrize(
    ("config", "weights"),
    [
        (Config(form="readme"), {"mse": 1.0, "cos": 0.5}),
        (Config(form="snapshot"), {"mse": 1.0, "mse_patch": 1.0}),
        (Config(weights={"kld": 2.0, "nce": 0.1}, gradient_ratio=0), {"kld": 2.0, "nce": 0.1}),
    ],
)
def test_other_forms_are_plain_weighted_sums(config: Config, weights: dict[str, float]) -> None:
    output = method(config).train()(batch())
    assert list(output.terms) == list(weights)
    total = sum(weights[name] * term for name, term in output.terms.items())
    torch.testing.assert_close(output.loss, total)


def test_a_student_that_is_the_teacher_and_sees_its_picture_has_no_regression_left() -> None:
    aligned = method(Config(form="snapshot")).eval()
    pictures = batch()
    teacher = aligned.teacher
    assert isinstance(teacher, TinyTeacher)
    aligned.module.encoder.load_published(teacher.model.state_dict())
    seen = replace(pictures, events=teacher._normalized(pictures.paired().images))
    output = aligned(seen)
    assert output.loss.item() == pytest.approx(0, abs=1e-9)


def test_all_of_the_student_learns_and_nothing_of_the_teacher() -> None:
    aligned = method(width=8, teacher_width=WIDTH).train()
    teacher = aligned.teacher
    assert isinstance(teacher, TinyTeacher)
    before = [value.clone() for value in teacher.model.parameters()]
    aligned(batch()).loss.backward()
    assert all(value.grad is not None and value.grad.any() for value in aligned.parameters())
    optimizer = torch.optim.SGD(aligned.parameters(), lr=1)
    optimizer.step()
    assert all(map(torch.equal, before, teacher.model.parameters()))
    assert {name.split(".")[0] for name, _ in aligned.named_parameters()} == {
        "module",
        "project",
        "widen",
    }
    assert aligned.trained() is aligned.module


def losses(steps: int, aligned: GepAlign, lr: float = 3e-3, size: int = 4) -> list[float]:
    optimizer = torch.optim.AdamW(aligned.parameters(), lr=lr, weight_decay=0)
    return learn(aligned, batch(size), optimizer, steps)


def test_eight_samples_are_learnt_by_heart() -> None:
    config = Config(weights={"cos": 1.0, "mse": 0.1}, gradient_ratio=0, polarity_swap=0)
    aligned = method(config, width=48, num_attention_heads=4, depth=2)
    seen = losses(80, aligned, lr=6e-3, size=8)
    assert seen[0] > 0.8
    assert seen[-1] < 0.01


def test_twenty_steps_are_those_of_before() -> None:
    seen = losses(20, method())
    assert seen[::5] == pytest.approx([1.0666565, 0.2922634, 0.1029645, 0.0736685], rel=1e-4)


def test_exchanging_red_and_blue_happens_before_normalisation_and_twice_is_nothing() -> None:
    image = torch.rand(1, 3, 4, 4)
    mean, std = (torch.tensor(each)[:, None, None] for each in (SPEC.mean, SPEC.std))
    flipped = exchange_red_and_blue((image - mean) / std, SPEC)
    torch.testing.assert_close(flipped * std + mean, image.flip(1))
    twice = exchange_red_and_blue(flipped, SPEC)
    torch.testing.assert_close(twice, (image - mean) / std)


def test_about_half_of_red_and_blue_images_are_flipped_in_training_and_none_after() -> None:
    aligned = method()
    events = batch(64).events
    torch.manual_seed(1)
    swapped = (aligned.train()._swapped(events) != events).flatten(1).any(1)
    assert 20 < int(swapped.sum()) < 44
    assert torch.equal(aligned.eval()._swapped(events), events)


def test_grids_that_differ_are_one_line_with_both_and_the_cure() -> None:
    recipe = replace(RECIPE, encoder=hybrid.Config(widths=(8, 8, 8, WIDTH), depths=(1, 1, 1, 1)))
    sizes = {"height": 32, "width": 32}
    coarse = make(recipe, Config(tokens="patches"), TinyTeacher())
    large = batch()
    images = torch.zeros(4, 3, sizes["height"], sizes["width"], dtype=torch.uint8)
    large = replace(
        large,
        events=torch.randn(4, 3, 32, 32),
        pairs=Pairs(images, images, images[:, 0].float()),
    )
    with pytest.raises(ValueError, match=r"student has 1x1 tokens, teacher tiny 4x4: choose an en"):
        coarse(large)


def test_prefixes_that_differ_are_one_line_and_patches_alone_can_be_compared() -> None:
    with pytest.raises(ValueError, match=r"5 tokens before the patches, teacher tiny 1: set"):
        method(num_registers=4)(batch())
    assert method(Config(tokens="patches"), num_registers=4)(batch()).loss.isfinite()


def test_terms_on_patch_embeddings_need_both_to_have_them() -> None:
    with pytest.raises(ValueError, match="take them out of"):
        method(Config(form="snapshot"), width=8)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"weights": {"cosine": 1.0}}, "must name some of cos, "),
        ({"weights": {"mse": 1.0}, "gradient_ratio": 0.1}, "measures by cos: got 0.1 with mse"),
        ({"film_temperature": 0.0}, "film_temperature must be above 0, got 0.2 and 0.0"),
        ({"polarity_swap": 1.5}, r"must lie in \[0, 1\], got 1.5"),
    ],
)
def test_settings_that_cannot_be_are_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(**values)


def test_the_log_shows_window_picture_and_tokens() -> None:
    panels = method(width=8).pictures(batch())
    assert set(panels) == {
        "events",
        "image",
        "student_tokens",
        "teacher_tokens",
        "student_similarity",
        "teacher_similarity",
    }
    for picture in panels.values():
        assert picture.shape == (3, SIZE, SIZE)
        assert 0 <= picture.min() <= picture.max() <= 1
