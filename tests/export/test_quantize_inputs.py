"""Int8 of engines that remember, and of those that take raw events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stream_engine import PARTS, stream_card, stream_module
from tiny_engine import tiny_card, tiny_module

from events.sources.open import open_source
from events.sources.synthetic import SyntheticSource
from export.backends import onnxruntime
from export.calibration import read_calibration
from export.event_input import COLUMNS
from export.onnx_graph import write_model
from export.proof import prove
from export.sensitivity import output_error
from export.variant import Variant, build_variant
from models.card import ModelCard
from models.perception import Perception

SENSOR = (96, 64)


def cards_and_modules() -> dict[str, tuple[ModelCard, Perception]]:
    streams = {kind: stream_card(kind) for kind in PARTS}
    events = {"input": "events", "sensor": SENSOR}
    return {kind: (card, stream_module(card)) for kind, card in streams.items()} | {
        "events": (replace(tiny_card(), **events), tiny_module(tiny_card())),
        "decoded": (replace(tiny_card(), **events, is_decoded=True), tiny_module(tiny_card())),
        "stream of events": (
            replace(streams["conv_recurrent"], **events),
            stream_module(streams["conv_recurrent"]),
        ),
    }


@pytest.mark.parametrize("kind", [*PARTS, "events", "decoded", "stream of events"])
def test_every_engine_is_made_in_int8(kind: str, tmp_path: Path) -> None:
    card, module = cards_and_modules()[kind]
    calibration = read_calibration(["synthetic:1", "synthetic:2"], card, open_source)
    inputs = COLUMNS if card.input == "events" else ("events",)
    assert [set(stream[0]) for stream in calibration.streams] == 2 * [set(inputs)]
    built = build_variant(module, card, Variant(precision="int8"), calibration)
    layers = built.report["int8"]["layers"]
    assert {"encoder.stem.0", "heads.depth.head.1"} <= {row["layer"] for row in layers}
    assert sum(row["precision"] == "int8" for row in layers) > len(layers) / 3
    write_model(built.model, built.card, tmp_path / "x.onnx")
    engine = onnxruntime.load(tmp_path / "x.onnx", provider="cpu")
    assert engine.card.precision == "int8"
    report = prove(module, engine, SyntheticSource(seed=0), 20)
    assert report.segmentation_agreement > 0.8
    assert report.depth_rel_error < 0.1


def test_each_input_is_a_stream_of_its_own() -> None:
    """Else one recording's memory would calibrate the next one."""
    card = stream_card("conv_recurrent")
    calibration = read_calibration(["synthetic:1", "synthetic:2"], card, open_source)
    assert [len(stream) for stream in calibration.streams] == [12, 12]
    assert [len(stream) for stream in calibration.held_out] == [4, 4]


def test_labels_are_judged_by_how_many_pixels_have_another() -> None:
    truth = np.array([0, 3, 3, 1], np.uint8)
    assert output_error(np.array([0, 3, 20, 1], np.uint8), truth) == 0.25
    assert output_error(truth.astype(np.float32) + 1, truth.astype(np.float32)) > 0.5
