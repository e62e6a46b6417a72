"""The classes of tiny_imagenet_202 that no image-text training sees, to measure zero-shot on."""

from __future__ import annotations

from collections.abc import Iterable

NUM_UNSEEN = 40
EVERY = 5


def unseen_synsets(synsets: Iterable[str]) -> tuple[str, ...]:
    """Return 40 of tiny_imagenet_202's WordNet ids: every fifth in sorted order, from the first.

    Args:
        synsets: All 202 ids, in any order.
    """
    return tuple(sorted(synsets)[::EVERY][:NUM_UNSEEN])
