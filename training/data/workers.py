"""The processes in which samples are made."""

from __future__ import annotations

import multiprocessing
import os
import threading
from typing import Any

import torch

PRELOADED = ["training.data.mixture"]
"""Imported once, by the process that the others are forked from: what most feeds are made of, so
that a worker need not import it at the start of each stage."""


def workers(num_workers: int) -> dict[str, Any]:
    """Return what a ``DataLoader`` is told of its workers.

    They are not forked from the process that trains: it has threads (of torch, a GPU, HDF5), whose
    locks a fork would copy as they are. What a loader is given must thus be fit to be pickled.
    Where there is no fork server, each worker is started anew.
    """
    if num_workers == 0:
        return {"num_workers": 0}
    has_server = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if has_server else "spawn")
    if has_server:
        context.set_forkserver_preload(PRELOADED)
    return {
        "num_workers": num_workers,
        "multiprocessing_context": context,
        "worker_init_fn": _begin,
    }


def _begin(worker: int) -> None:
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_trainer, daemon=True).start()


def _end_with_trainer() -> None:
    # torch watches the process that a worker was forked from, which here outlives the trainer: it
    # waits for its workers.
    trainer = multiprocessing.parent_process()
    if trainer is not None:
        trainer.join()
        os._exit(1)
