from __future__ import annotations

import pytest

from app.lifecycle import LEGAL, Lifecycle
from app.scene import PipelineState


def test_every_state_has_its_moves_and_can_be_left() -> None:
    assert set(LEGAL) == set(PipelineState)
    assert all(LEGAL.values())


def test_an_illegal_move_changes_nothing() -> None:
    lifecycle = Lifecycle()
    generation = lifecycle.begin()
    assert not lifecycle.move(generation, PipelineState.PAUSED)
    assert lifecycle.state is PipelineState.OPENING


def test_a_move_of_an_older_generation_is_refused() -> None:
    lifecycle = Lifecycle()
    old = lifecycle.begin()
    lifecycle.move(old, PipelineState.RUNNING)
    lifecycle.end()
    new = lifecycle.begin()
    lifecycle.move(new, PipelineState.RUNNING)
    assert not lifecycle.move(old, PipelineState.ENDED)
    assert lifecycle.state is PipelineState.RUNNING


def test_beginning_twice_is_refused() -> None:
    lifecycle = Lifecycle()
    lifecycle.begin()
    with pytest.raises(RuntimeError, match="stop first"):
        lifecycle.begin()
