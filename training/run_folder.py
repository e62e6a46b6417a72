"""The folder of one run: its recipe, its log, its checkpoints, and what it made."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from training import checkpoint
from training.checkpoint import checkpoints
from training.distributed import World
from training.methods.method import HEADS_FILE, MODEL_FILE, TEACHER_FOLDER
from training.recipe import Recipe

RECIPE_FILE = "recipe.json"
METRICS_FILE = "metrics.jsonl"
START_FOLDER = "start"

Existing = Literal["refuse", "resume", "restart"]
"""What to do where a folder holds a run already."""


class RunFolderError(Exception):
    """A folder cannot take this run; the message says why and the cure."""


class RunFolder:
    """Opens a folder for a recipe; the recipe as run is written before anything else.

    Args:
        path: Made where it is not there.
        recipe: Of the run.
        existing: What to do with a run that lies there.
        allow_changes: Whether a run may go on with a recipe that differs from its own.

    Raises:
        RunFolderError: There is a run, or one of another recipe.
    """

    def __init__(
        self, path: Path, recipe: Recipe, existing: Existing, *, allow_changes: bool = False
    ) -> None:
        self.path = path
        self.changes: list[str] = []
        held = path / RECIPE_FILE
        if existing == "refuse" and held.exists() and not self._is_worth_keeping:
            self._drop()  # a run that failed before its first step is in nobody's way
        if held.exists() or checkpoints(path):
            if existing == "refuse":
                raise RunFolderError(
                    f"{path} holds a run already: --resume goes on with it, --restart drops it, "
                    "-o names another folder"
                )
            if existing == "restart":
                self._drop()
            else:
                self._compare(held, recipe, allow_changes)
        elif path.exists() and any(path.iterdir()):
            raise RunFolderError(
                f"{path} is no run's folder but holds {next(path.iterdir()).name}: "
                "name a new folder with -o"
            )
        path.mkdir(parents=True, exist_ok=True)
        if not held.exists() or self.changes:
            _write(held, recipe.to_json())

    @property
    def has_checkpoint(self) -> bool:
        return bool(checkpoints(self.path))

    @property
    def _is_worth_keeping(self) -> bool:
        return self.has_checkpoint or (self.path / METRICS_FILE).exists()

    @property
    def start(self) -> Path:
        """Where the untrained model lies: what a trained one must be better than."""
        return self.path / START_FOLDER

    def keep_metrics_before(self, step: int) -> None:
        """Drop what was logged at ``step`` or later: it will be logged again."""
        path = self.path / METRICS_FILE
        if not path.exists():
            return
        lines = [line for line in path.read_text().splitlines() if _step_of(line) < step]
        _write(path, "".join(f"{line}\n" for line in lines))

    def add_metrics(self, values: dict[str, Any]) -> None:
        """Append one line of JSON to the log."""
        with (self.path / METRICS_FILE).open("a") as file:
            file.write(json.dumps(values) + "\n")

    def _drop(self) -> None:
        """Remove what a run writes, and nothing else."""
        for name in (checkpoint.FOLDER, START_FOLDER, TEACHER_FOLDER):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for pattern in (RECIPE_FILE, METRICS_FILE, MODEL_FILE, HEADS_FILE, "events.out.tfevents*"):
            for path in self.path.glob(pattern):
                path.unlink()

    def _compare(self, held: Path, recipe: Recipe, allow_changes: bool) -> None:
        try:
            before = json.loads(held.read_text())
        except (OSError, json.JSONDecodeError) as error:
            raise RunFolderError(f"{held} cannot be read: {error}; --restart begins anew") from None
        self.changes = list(differences(before, json.loads(recipe.to_json())))
        if self.changes and not allow_changes:
            raise RunFolderError(
                f"{self.path} was begun with another recipe: {'; '.join(self.changes)}. "
                "--allow-changes goes on all the same, -o begins another run"
            )


def open_run_folder(
    path: Path, recipe: Recipe, world: World, existing: Existing, *, allow_changes: bool = False
) -> RunFolder:
    """Open a folder once for all processes of a run; see RunFolder."""
    folder = None
    if world.is_main:
        folder = RunFolder(path, recipe, existing, allow_changes=allow_changes)
    world.wait()
    return folder or RunFolder(path, recipe, "resume", allow_changes=True)


def differences(before: Any, after: Any, name: str = "") -> Iterator[str]:
    """Yield how two recipes, read from JSON, differ: each field with both values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            path = f"{name}.{key}" if name else key
            yield from differences(before.get(key), after.get(key), path)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{name}.{index}")
    elif before != after:
        yield f"{name} was {before}, is {after}"


def _write(path: Path, text: str) -> None:
    """Replace a file by the text, or leave it as it is."""
    part = path.with_suffix(".part")
    part.write_text(text)
    os.replace(part, path)


def _step_of(line: str) -> float:
    """Return a log line's step; of one that a crash cut short, infinity."""
    try:
        return int(json.loads(line)["step"])
    except (json.JSONDecodeError, KeyError, TypeError, ValueError):
        return float("inf")
