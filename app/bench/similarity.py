"""What ScaleEvent's similarity structure costs: the figures of ``saccade bench`` for memory."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator

import torch

from app.bench.row import Row
from training.losses.masked_l1 import Form
from training.losses.token_similarity import token_similarity

FORMS: tuple[Form, ...] = ("code", "paper")

BATCH_SIZE, NUM_TOKENS, WIDTH = 4, 4_800, 384
"""Of ViT-S at 1280x960, as published (arXiv 2603.03969)."""
LIMIT_GB = 4.0


def rows(num_tokens: int = NUM_TOKENS) -> Iterator[Row]:
    """Yield peak memory and time of both losses, forward and backward, on one thread.

    Each runs in a process of its own, since a peak cannot be taken back; what torch itself needs
    is part of it.
    """
    context = multiprocessing.get_context("spawn")
    for form in FORMS:
        with context.Pool(1) as pool:
            peak_gb, seconds = pool.apply(measure, (form, num_tokens))
        name = f"structure loss as in the {form}, {BATCH_SIZE} x {num_tokens} tokens"
        yield _row(name, peak_gb, "GB", f"forward and backward in {seconds:.1f} s", LIMIT_GB)


def measure(form: Form, num_tokens: int) -> tuple[float, float]:
    """Return this process's peak memory in GB after one pass, and the pass's seconds."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    image_BND = torch.randn(BATCH_SIZE, num_tokens, WIDTH)
    event_BND = (image_BND + torch.randn_like(image_BND)).requires_grad_()
    active_BN = (torch.rand(BATCH_SIZE, num_tokens) < 0.7).float()
    started_s = time.perf_counter()
    structure = token_similarity(event_BND, image_BND, active_BN, form=form)
    (10 * structure.intra + 4 * structure.cross).backward()  # type: ignore[no-untyped-call]
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    return peak_gb, time.perf_counter() - started_s


def _row(name: str, value: float, unit: str, note: str, limit: float) -> Row:
    return Row(
        section="training", name=name, value=value, unit=unit, baseline=limit,
        note=f"to the limit of {limit:g} GB; {note}",
    )  # fmt: skip


def main() -> None:
    """Print the figures, one a line."""
    for row in rows():
        print(f"{row.name:48s} {row.value:8.2f} {row.unit}  {row.note}")  # noqa: T201


if __name__ == "__main__":
    main()
