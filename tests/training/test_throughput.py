from __future__ import annotations

import torch

from training.throughput import advice, peak_flops_per_s

CPU = torch.device("cpu")


def test_a_precision_that_the_processor_only_imitates_is_told() -> None:
    fp32 = peak_flops_per_s(CPU, torch.float32)
    told = advice(CPU, torch.bfloat16, fp32 / 100)
    assert told is not None
    assert told.startswith("bf16 is ")
    assert told.endswith("add --precision fp32")


def test_nothing_is_told_of_float32_or_of_a_precision_that_is_faster() -> None:
    assert advice(CPU, torch.float32, 1.0) is None
    assert advice(CPU, torch.bfloat16, 1e6 * peak_flops_per_s(CPU, torch.float32)) is None
