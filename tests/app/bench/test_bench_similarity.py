from __future__ import annotations

import pytest

from app.bench.similarity import FORMS, LIMIT_GB, measure
from training.losses.masked_l1 import Form


@pytest.mark.parametrize("form", FORMS)
def test_the_structure_loss_is_measured_forward_and_backward(form: Form) -> None:
    peak_gb, seconds = measure(form, num_tokens=64)
    assert 0.05 < peak_gb < LIMIT_GB
    assert seconds > 0
