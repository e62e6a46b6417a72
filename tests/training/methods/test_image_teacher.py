from __future__ import annotations

from pathlib import Path

import pytest
import torch
from picture_batches import SIZE, picture_batch
from tiny_runs import learn

from models.teachers.open import open_teacher
from training.methods.image_teacher import Config, ImageTeacher, vision_transformer

TINY = Config(
    width=24, depth=2, num_heads=2, patch_size=8, num_registers=2, num_prototypes=32, momentum=0.9
)


def method(config: Config = TINY, seed: int = 0) -> ImageTeacher:
    torch.manual_seed(seed)
    return ImageTeacher(config, vision_transformer(config, SIZE), 4, 3, SIZE).train()


def steps(made: ImageTeacher, num: int, lr: float) -> list[float]:
    """Return the losses of some steps on one batch."""
    optimizer = torch.optim.Adam([p for p in made.parameters() if p.requires_grad], lr=lr)
    return learn(made, picture_batch(), optimizer, num)


def test_every_term_is_told_and_the_loss_is_their_weighted_sum() -> None:
    output = method()(picture_batch())
    assert set(output.terms) == set(TINY.weights)
    expected = sum(TINY.weights[name] * term.item() for name, term in output.terms.items())
    assert output.loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("architecture", ["dinov2", "dinov3"])
def test_the_gradient_reaches_what_is_trained_and_nothing_else(architecture: str) -> None:
    made = method(Config(**{**vars(TINY), "architecture": architecture}))
    made(picture_batch()).loss.backward()
    unmoved = {name for name, value in made.named_parameters() if value.grad is None}
    averaged = {name for name, _ in made.named_parameters() if name.startswith("averaged.")}
    assert unmoved - averaged == {"network.embeddings.mask_token"}
    assert averaged <= unmoved


def test_the_averaged_network_follows() -> None:
    made = method()
    before = [value.clone() for value in made.averaged.parameters()]
    with torch.no_grad():
        for value in made.network.parameters():
            value.add_(1)
    made.after_step(1000)
    mine = [*made.network.parameters(), *made.projector.parameters()]
    for old, new, goal in zip(before, made.averaged.parameters(), mine, strict=True):
        torch.testing.assert_close(new, old + 0.1 * (goal - old))


def test_the_averaged_network_is_never_in_training_mode() -> None:
    made = method()
    made.train()
    assert made.network.training
    assert not made.averaged[0].training


def test_twenty_steps_are_the_same_twice() -> None:
    assert steps(method(), 20, 1e-3) == steps(method(), 20, 1e-3)


def test_eight_pictures_are_learnt_by_heart() -> None:
    weights = {"labels": 1.0, "segmentation": 1.0}
    made = method(Config(**{**vars(TINY), "weights": weights, "label_smoothing": 0.0}))
    steps(made, 120, 5e-3)
    terms = made(picture_batch()).terms
    assert terms["labels"] < 0.05
    assert terms["segmentation"] < 0.1


@pytest.mark.parametrize("architecture", ["dinov2", "dinov3"])
def test_what_is_written_opens_as_a_teacher(architecture: str, tmp_path: Path) -> None:
    made = method(Config(**{**vars(TINY), "architecture": architecture})).eval()
    for _ in range(2):  # the second time replaces the first
        path = made.write(tmp_path, made.trained(), {"recipe": "test"}, torch.float32)
    teacher = open_teacher(str(path))
    assert (teacher.width, teacher.patch_stride) == (24, 8)
    assert teacher.preprocessing.size == SIZE
    view = picture_batch().views[0]
    with torch.no_grad():
        token_BD, map_BDHW = made._look(made.network, view)
    torch.testing.assert_close(teacher.tokens(view).map, map_BDHW, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        teacher.tokens(view).prefix_BPD[:, 0], token_BD, rtol=1e-4, atol=1e-4
    )
    assert sorted(each.name for each in tmp_path.iterdir()) == ["teacher"]


def test_an_unknown_term_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"method.weights knows .*got \['label'\]"):
        Config(weights={"label": 1.0})
