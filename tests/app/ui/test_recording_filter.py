"""The dialog that opens recordings offers every format that is read."""

from __future__ import annotations

from app.ui.window import _recording_filter
from events.recordings.open import recording_suffixes


def test_the_dialog_offers_every_suffix_and_any_file() -> None:
    offered = _recording_filter()
    assert {".aedat4", ".aedat", ".raw", ".dat"} <= set(recording_suffixes())
    assert all(f"*{suffix}" in offered for suffix in recording_suffixes())
    assert offered.endswith("All files (*)")
