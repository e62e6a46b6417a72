"""The simulation's rows of `saccade bench`."""

from __future__ import annotations

from app.bench.simulate import rows


def test_every_figure_of_the_simulation_is_measured() -> None:
    found = list(rows(seconds=0.05))
    assert len(found) == 5
    assert {row.section for row in found} == {"simulate"}
    assert all(0 < row.value < 1e6 for row in found)
