"""What no engine may say, whatever network it is of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny_engine import tiny_card

from export.soundness import unsound

WINDOWS = [np.zeros((5, 64, 96), np.float32)] * 2
CARDS = {
    "depth": tiny_card(("depth",)),
    "depth_m": replace(tiny_card(("depth",)), input="events", sensor=(40, 30), is_decoded=True),
}


class Saying:
    """An engine that says one depth everywhere, whatever it sees."""

    def __init__(self, name: str, depth_m: float) -> None:
        self.card = CARDS[name]
        dtype = np.float16 if name == "depth_m" else np.float32
        self._said = {name: np.full((1, 30, 40), depth_m, dtype)}

    def run(self, grid: np.ndarray, memory: object = None) -> dict[str, np.ndarray]:
        return self._said


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize(
    ("depth_m", "is_sound"), [(0.5, True), (20.0, True), (0.4, False), (20.2, False)]
)
def test_a_depth_outside_of_the_cards_range_is_told(
    name: str, depth_m: float, is_sound: bool
) -> None:
    found = unsound(Saying(name, depth_m), WINDOWS)  # type: ignore[arg-type]
    assert found == (2, [] if is_sound else [f"{name} leaves 0.5 to 20 m (2 windows)"])
