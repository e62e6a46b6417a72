from __future__ import annotations

import pickle

import pytest

from training.data.last_used import LastUsed


class Pictures:
    decoded: list[int]

    def __init__(self) -> None:
        self.decoded = []
        self.picture = LastUsed(self.decode, most=2)

    def decode(self, number: int) -> str:
        if number < 0:
            raise ValueError(f"no picture {number}")
        self.decoded.append(number)
        return f"picture {number}"


def test_the_last_results_are_kept_and_the_one_unused_for_longest_is_made_again() -> None:
    pictures = Pictures()
    assert [pictures.picture(i) for i in (1, 2, 1, 3)] == [f"picture {i}" for i in (1, 2, 1, 3)]
    assert pictures.decoded == [1, 2, 3]
    pictures.picture(2)
    assert pictures.decoded == [1, 2, 3, 2]


def test_what_fails_is_tried_again() -> None:
    pictures = Pictures()
    for _ in range(2):
        with pytest.raises(ValueError, match="no picture -1"):
            pictures.picture(-1)


def test_pickled_it_has_kept_none_and_makes_its_own() -> None:
    pictures = Pictures()
    pictures.picture(1)
    sent = pickle.loads(pickle.dumps(pictures))
    assert sent.picture(1) == "picture 1"
    assert (pictures.decoded, sent.decoded) == ([1], [1, 1])
    assert [sent.picture(i) for i in (2, 3, 1)][-1] == "picture 1"
    assert sent.decoded == [1, 1, 2, 3, 1]
