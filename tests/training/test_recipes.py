from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from training.data import mixture
from training.data.catalogue import dataset_names
from training.optim import learning_rate
from training.recipe import Stage, load_recipe, recipe_names
from training.student import build_student, make_card


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_loads_draws_from_data_sets_that_exist_and_has_a_text(name: str) -> None:
    recipe = load_recipe(name)
    if isinstance(recipe.data, mixture.Config):
        assert set(recipe.data.shares) <= set(dataset_names())
    assert recipe.num_steps == sum(stage.steps for stage in recipe.stages)
    assert json.loads(recipe.to_json())["name"] == recipe.name


def test_a_recipe_starts_from_where_another_one_writes_its_model() -> None:
    starts = {load_recipe(name).initial for name in recipe_names()} - {None}
    assert starts <= {f"out/{name}/model.safetensors" for name in recipe_names()}


def test_an_unknown_recipe_is_answered_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"default.*smoke"):
        load_recipe("imagenet")


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"batch_size": -2}, "batch_size must be at least 1, got -2"),
    ],
)
def test_a_stage_that_cannot_run_is_refused(stage: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Stage(**{"steps": 1, "height": 64, "width": 96, "batch_size": 1, **stage})


def test_the_learning_rate_warms_up_peaks_and_falls_to_a_hundredth() -> None:
    recipe = load_recipe("smoke")
    config, num_steps = recipe.optimizer, recipe.num_steps
    rates = [learning_rate(step, config, num_steps) for step in range(num_steps + 1)]
    assert rates[0] == pytest.approx(config.lr / config.warmup_steps)
    assert max(rates) == pytest.approx(config.lr)
    assert rates[-1] == pytest.approx(config.lr / 100)
    after = rates[config.warmup_steps :]
    assert after == sorted(after, reverse=True)


def test_an_input_that_the_encoder_cannot_take_is_refused_with_the_fields_to_change() -> None:
    recipe = load_recipe("smoke")
    recipe = replace(recipe, stages=(replace(recipe.stages[0], height=60),))
    with pytest.raises(ValueError, match=r"96x60.*multiples of 32: change --stages\.0\.height"):
        build_student(recipe, make_card(recipe))


def test_activation_checkpointing_reaches_the_encoder() -> None:
    recipe = replace(load_recipe("smoke"), activation_checkpointing=True)
    assert build_student(recipe, make_card(recipe)).encoder.activation_checkpointing


def parts_of(value: Any) -> Iterator[Any]:
    """Yield a recipe and all it is made of."""
    if isinstance(value, tuple):
        for item in value:
            yield from parts_of(item)
    if is_dataclass(value):
        yield value
        for field in fields(value):
            yield from parts_of(getattr(value, field.name))


def documented(kind: type) -> Iterator[str]:
    """Yield the fields of a class that are followed by a text."""
    for each in filter(is_dataclass, kind.__mro__):
        tree = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        assert isinstance(tree, ast.ClassDef)
        for field, after in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr):
                yield ast.unparse(field.target)


@pytest.mark.parametrize("name", recipe_names())
def test_help_says_of_every_field_what_it_is(name: str) -> None:
    for part in parts_of(load_recipe(name)):
        single = {each.name for each in fields(part) if not is_dataclass(getattr(part, each.name))}
        assert not single - set(documented(type(part))), type(part)
