"""Writing a teacher of our own in transformers' format, so that it opens as the public ones do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from torch import nn

from models.published_weights import quiet
from models.teachers.preprocessing import Preprocessing

PROVENANCE_FILE = "provenance.json"


def save_teacher(
    folder: Path,
    model: nn.Module,
    preprocessing: Preprocessing,
    provenance: dict[str, Any],
    tokenizer: Any | None = None,
) -> Path:
    """Write a model of transformers' with its preprocessing; what was there is replaced whole."""
    part, old = folder.with_name(folder.name + ".part"), folder.with_name(folder.name + ".old")
    for left_over in (part, old):
        shutil.rmtree(left_over, ignore_errors=True)
    with quiet():
        model.save_pretrained(part)  # type: ignore[operator]
    settings = json.dumps(preprocessing.to_json(), indent=1)
    (part / "preprocessor_config.json").write_text(settings)
    (part / PROVENANCE_FILE).write_text(json.dumps(provenance, indent=1))
    if tokenizer is not None:
        tokenizer.save_pretrained(part)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder
