"""`saccade inspect`: the card of an engine or a model file, and what can be counted in it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export.inspection import Inspection
    from models.card import ModelCard

NUM_LABELS_SHOWN = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's options."""
    parser.add_argument("file", type=Path, metavar="ENGINE", help="an engine or a model file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print what is in the file."""
    from export.inspection import inspect_file

    inspection = inspect_file(args.file)
    if args.json:
        print(json.dumps(inspection.as_json(), indent=1))  # noqa: T201
    else:
        _print(lines(inspection))
    return 0


def lines(inspection: Inspection) -> list[tuple[str, str]]:
    """Return the card as pairs of a name and what there is to say."""
    card = inspection.card
    rows = [
        ("file", f"{inspection.path} ({inspection.num_bytes / 1e6:.2f} MB)"),
        ("name", card.name),
        *(("note", note) for note in card.notes if inspection.operators),
        ("tasks", ", ".join(card.tasks) or "none: a bare encoder, its output is tokens"),
        *_classes("recognition", card.recognition_labels),
        *_classes("segmentation", card.segmentation_labels),
    ]
    if "depth" in card.tasks:
        rows.append(("depth", f"{card.depth_range_m[0]:g} to {card.depth_range_m[1]:g} m"))
    rows += [
        ("takes", _input(card)),
        ("spec", str(card.spec)),
        ("windows", f"{card.window_us / 1e3:g} ms every {card.stride_us / 1e3:g} ms"),
        ("size", _size(card)),
        ("encoder", _settings(card.encoder)),
    ]
    if card.temporal:
        memory = "remembers earlier windows" if card.is_streaming else "sees one window at a time"
        rows.append(("temporal", f"{_settings(card.temporal)}; {memory}"))
    rows += [
        ("precision", card.precision),
        ("parameters", f"{inspection.num_parameters:,}"),
        ("operations", _flops(inspection.num_flops)),
    ]
    if inspection.opset is not None:
        counts = (f"{name} {number}" for name, number in inspection.operators.items())
        rows += [("opset", str(inspection.opset)), ("operators", ", ".join(counts))]
    if plan := inspection.plan:
        gpus = ", ".join(plan.compute_capabilities)
        rows.append(("plan", f"{plan.library} {plan.version}, for compute capability {gpus}"))
    rows += [(f"made: {key}", _plain(value)) for key, value in card.provenance.items()]
    rows += [(f"parity: {key}", _plain(value)) for key, value in card.parity.items()]
    return rows if card.parity else [*rows, ("parity", "not recorded")]


def _classes(task: str, labels: Sequence[str]) -> list[tuple[str, str]]:
    if not labels:
        return []
    more = f", and {len(labels) - NUM_LABELS_SHOWN} more" if len(labels) > NUM_LABELS_SHOWN else ""
    return [(task, f"{len(labels)} classes: {', '.join(labels[:NUM_LABELS_SHOWN])}{more}")]


def _input(card: ModelCard) -> str:
    if card.sensor is not None:
        return f"raw events of a sensor of {card.sensor[0]}x{card.sensor[1]}"
    return f"grids of {card.spec.num_channels} channels"


def _size(card: ModelCard) -> str:
    size = f"{card.input_width}x{card.input_height}, {card.resize}"
    if not card.is_dynamic:
        return size
    return f"{size}; any multiple of {card.size_multiple} pixels, and any batch"


def _settings(values: Mapping[str, Any]) -> str:
    others = ", ".join(f"{key} {value}" for key, value in values.items() if key != "kind")
    return f"{values.get('kind', 'not said')}: {others}" if others else "not said"


def _flops(number: int | None) -> str:
    return "not known" if number is None else f"{number / 1e9:.3g} GFLOP a window"


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


def _print(rows: Sequence[tuple[str, str]]) -> None:
    """Print a table that folds long cells on a terminal, and one line a row elsewhere."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        width = max(len(name) for name, _ in rows)
        print("\n".join(f"{name:<{width}}  {text}" for name, text in rows))  # noqa: T201
        return
    table = Table.grid(padding=(0, 2))
    for name, text in rows:
        table.add_row(Text(name, style="bold"), Text(text, overflow="fold"))
    console.print(table)
