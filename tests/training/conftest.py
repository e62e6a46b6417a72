"""What every test of training shares."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from torch.utils.data import DataLoader

from training.data import feed


@pytest.fixture(autouse=True)
def whatever_is_fed_can_be_sent_to_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickle what is loaded without workers too: a worker is given it so."""

    def load(samples: Any, **options: Any) -> DataLoader[Any]:
        pickle.dumps((samples, options["collate_fn"]))
        return DataLoader(samples, **options)

    monkeypatch.setattr(feed, "DataLoader", load)
