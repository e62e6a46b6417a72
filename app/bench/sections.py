"""The sections of `saccade bench` in their order: each a function from the request to rows."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.bench.row import Row
from app.cli import say
from app.engines import default_engine_path, load_engine
from app.trace import NO_TRACE, Trace
from export.backends.backend import Engine

MADE_EVENTS, MADE_US, PACKET_US = 4_000_000, 1_000_000, 10_000
"""Of the recording that is made where none is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked to measure on."""

    recording: str | None = None
    """To decode; None makes one."""
    engine: Path | None = None
    """None is the engine that ships with Saccade."""
    trace: Trace = NO_TRACE
    """Told what the pipelines of TRACED sections do."""
    is_gpu_wanted: bool = False
    """Whether the GPU's table was asked for by name: without one, its paths run on the CPU."""

    @property
    def engine_path(self) -> Path:
        return self.engine or default_engine_path()


def _decode(request: Request) -> Iterator[Row]:
    from app.bench.decode import decode_rates

    with tempfile.TemporaryDirectory() as folder:
        path = request.recording or write_recording(Path(folder) / "bench.aedat4")
        rates = decode_rates(path)
        for name, rate in rates.items():
            yield Row(
                section="decode",
                name=f"{Path(path).name} by {name}",
                value=rate,
                unit="Mev/s",
                baseline=None if name == "dv-processing" else rates.get("dv-processing"),
                is_higher_better=True,
            )
        if request.recording is None:
            yield from _decode_words(Path(folder))


def _decode_words(folder: Path) -> Iterator[Row]:
    from app.bench.representations import VGA, moving_edges
    from app.bench.word_formats import word_rates

    for name, rate in word_rates(moving_edges(VGA, MADE_EVENTS, MADE_US), folder).items():
        yield Row(
            section="decode",
            name=f"{name} opened and read",
            value=rate,
            unit="Mev/s",
            is_higher_better=True,
        )


def write_recording(path: Path) -> Path:
    """Write a recording of MADE_EVENTS events of moving edges, LZ4 as cameras write it."""
    from app.bench.representations import VGA, moving_edges
    from events.recordings.aedat4_writer import Aedat4Writer

    packet = moving_edges(VGA, MADE_EVENTS, MADE_US)
    with Aedat4Writer(path, VGA, "bench") as writer:
        for start_us in range(packet.start_us, packet.end_us, PACKET_US):
            writer.write(packet.between(start_us, start_us + PACKET_US))
    return path


def _representations(request: Request) -> Iterator[Row]:
    from app.bench import published, representations

    yield from representations.rows()
    yield from published.rows()


def _simulate(request: Request) -> Iterator[Row]:
    from app.bench import simulate

    return simulate.rows()


def _engine(request: Request) -> Iterator[Row]:
    from app.bench import engine

    return engine.rows(request.engine_path)


def _export(request: Request) -> Iterator[Row]:
    from app.bench import export

    return export.rows(default_engine_path().with_suffix(".safetensors"))


def _loaded(request: Request) -> Engine:
    """Load what the window would run, and say what that is."""
    engine = load_engine(request.engine_path, progress=say)
    for note in engine.notes or (f"{engine.card.title} on {engine.provider}",):
        say(note)
    return engine


def _pipeline(request: Request) -> Iterator[Row]:
    from app.bench import pipeline

    return pipeline.rows(_loaded(request), request.trace)


def _load(request: Request) -> Iterator[Row]:
    from app.bench import load

    return load.rows(_loaded(request), request.trace)


def _display(request: Request) -> Iterator[Row]:
    from app.bench import display

    return display.rows()


def _window(request: Request) -> Iterator[Row]:
    from app.bench import window

    _loaded(request).close()  # measures what "auto" is now, if ever, not beside the window
    return window.rows(request.engine_path)


def _gpu(request: Request) -> Iterator[Row]:
    from app.bench import gpu

    return gpu.rows(request.engine_path, needs_gpu=not request.is_gpu_wanted)


def _training(request: Request) -> Iterator[Row]:
    if importlib.util.find_spec("transformers") is None:
        return
    from app.bench import similarity, training, training_grids

    yield from training.rows()
    yield from training_grids.rows()
    yield from similarity.rows()


SECTIONS: dict[str, Callable[[Request], Iterator[Row]]] = {
    "decode": _decode,
    "representations": _representations,
    "simulate": _simulate,
    "engine": _engine,
    "export": _export,
    "pipeline": _pipeline,
    "load": _load,
    "display": _display,
    "window": _window,
    "gpu": _gpu,
    "training": _training,
}
TRACED = ("pipeline", "load")
