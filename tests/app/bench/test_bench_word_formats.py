"""The benchmark of binary formats writes files that read back whole."""

from __future__ import annotations

from pathlib import Path

from app.bench.representations import VGA, moving_edges
from app.bench.word_formats import word_rates


def test_every_format_is_timed_on_files_that_read_back_whole(tmp_path: Path) -> None:
    rates = word_rates(moving_edges(VGA, 20_000, 100_000), tmp_path)
    assert set(rates) == {"evt2", "evt21", "evt3", "dat", "aedat2", "aedat3"}
    assert all(rate > 0 for rate in rates.values())
