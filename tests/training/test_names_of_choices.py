from __future__ import annotations

import pytest

import training.recipes
from training.choices import choice_names, load_choice, unknown


def test_the_files_of_a_folder_are_its_choices() -> None:
    names = choice_names(training.recipes)
    assert "smoke" in names
    assert names == sorted(names)
    assert load_choice(training.recipes, "recipe", "smoke").recipe().name == "smoke"


def test_another_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="no recipe 'smoek': did you mean smoke"):
        load_choice(training.recipes, "recipe", "smoek")


def test_a_name_like_none_is_answered_with_all() -> None:
    assert str(unknown("fruit", "x", ("apple", "pear"))) == "no fruit 'x': there are apple, pear"
