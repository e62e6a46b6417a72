"""Session: what the window steers - one pipeline, its engine and its recording; no widgets, no Qt.

Everything slow (opening a source, loading an engine) happens in other threads; ``poll`` brings
what came of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeGuard

from app.engines import load_engine
from app.pipeline import Pipeline, PipelineConfig
from app.recorder import FileRecorder, refuse_input
from app.scene import PipelineState, Scene, Stats
from app.ui.engine_loader import EngineLoader, LoadEngine
from events.filters import Filter, FilterConfig
from events.packet import SensorSize
from events.sources.source import Seekable, Source
from events.surface import Surface
from events.windows import WindowConfig
from export.backends.backend import Engine
from export.providers.provider import PICKED

OpenSource = Callable[[str], Source]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the user must see; ``role`` is error, warning or note."""

    text: str
    role: str = "error"


def is_seekable(source: Source) -> TypeGuard[Seekable]:
    """Return whether a source, open or not, has a timeline.

    isinstance would read its properties, which an unopened source may refuse.
    """
    return hasattr(type(source), "seek")


class Session:
    """Opens, steers and closes streams. All methods belong to the GUI's thread."""

    def __init__(self, open_source: OpenSource, load: LoadEngine = load_engine) -> None:
        self._open_source = open_source
        self._load = load
        self._pipeline: Pipeline | None = None
        self._engine: Engine | None = None
        self._loader = EngineLoader(load)
        self._recording: FileRecorder | None = None
        self._notices: list[Notice] = []
        self._noted: set[str] = set()
        """Subjects of the engine's notes that were there when it was loaded, or said since."""
        self._config = PipelineConfig(stays_open=True)
        self._filters: dict[FilterConfig, Filter] = {}
        self.text = ""
        """The input that plays, as the user gave it."""

    # Streams

    def open(self, text: str, *, is_looping: bool = False, speed: float = 1.0) -> bool:
        """Open an input in place of the one that plays; False if its text is no input."""
        try:
            source = self._open_source(text)
        except Exception as error:  # any of a source's own errors: all are for the user
            self._notices.append(Notice(str(error)))
            return False
        self.close()
        if is_seekable(source):
            source.set_looping(is_looping)
            source.set_speed(speed)
        self.text = text
        self._filters = {config: config.build() for config in self._filters}
        config = replace(self._config, filters=self.filters)
        self._pipeline = Pipeline(source, self._engine, config)
        self._pipeline.start()
        return True

    def close(self) -> None:
        """Stop the stream that plays, and its recording."""
        self.stop_recording()
        if self._pipeline is not None:
            hanging = self._pipeline.stop()
            if hanging:
                self._notices.append(Notice(f"{', '.join(hanging)} did not stop", "warning"))
            self._pipeline = None
        self.text = ""

    def shut_down(self) -> None:
        """Close everything; the engine too."""
        self.close()
        self._loader.shut_down()
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    @property
    def state(self) -> PipelineState:
        return self._pipeline.state if self._pipeline else PipelineState.IDLE

    @property
    def is_opening(self) -> bool:
        """Whether the source is being opened."""
        return self.state is PipelineState.OPENING

    @property
    def source(self) -> Source | None:
        return self._pipeline.source if self._pipeline else None

    @property
    def seekable(self) -> Seekable | None:
        """The source, once it is open, if it has a timeline."""
        source = self.source
        return source if source is not None and self.surface and is_seekable(source) else None

    @property
    def surface(self) -> Surface | None:
        return self._pipeline.surface if self._pipeline else None

    @property
    def sensor(self) -> SensorSize | None:
        surface = self.surface
        return surface.sensor if surface is not None else None

    def stats(self) -> Stats:
        """Return the account of the stream."""
        return self._pipeline.stats() if self._pipeline else Stats()

    def poll(self) -> tuple[Scene | None, Sequence[Notice]]:
        """Return the newest scene, if there is a new one, and what the user must see."""
        self._take_loaded()
        scene = None
        if self._pipeline is not None:
            scene = self._pipeline.take_scene()
            self._take_stand_in()
            while (message := self._pipeline.take_message()) is not None:
                is_failure = self._pipeline.state is PipelineState.FAILED
                self._notices.append(Notice(message, "error" if is_failure else "warning"))
            has_failed = self._pipeline.state is PipelineState.FAILED  # nothing more will come
            if self._recording is not None and (has_failed or not self._pipeline.is_recording):
                self.stop_recording()
        notices, self._notices = self._notices, []
        return scene, notices

    # Playing

    def toggle_playing(self) -> None:
        """Pause, play on, or play again from the start."""
        if self._pipeline is None:
            return
        if self._pipeline.state is PipelineState.RUNNING:
            self._pipeline.pause()
        else:
            self._pipeline.resume()

    def step(self, num_strides: int) -> None:
        """Pause, and show the next (or last) stride."""
        if self._pipeline is None or self.seekable is None:
            return
        if self._pipeline.state is PipelineState.RUNNING:
            self._pipeline.pause()
        self._pipeline.step(num_strides * self.stride_us)

    def seek(self, t_us: int) -> None:
        """Go to an event time, clamped to the timeline."""
        source = self.seekable
        if self._pipeline is not None and source is not None:
            self._pipeline.seek(min(max(t_us, source.start_us), source.end_us))

    def set_speed(self, speed: float) -> None:
        """Set how fast a recording plays; infinity is as fast as inference."""
        if self.seekable is not None:
            self.seekable.set_speed(speed)

    def set_looping(self, is_looping: bool) -> None:
        """Set whether a recording begins again at its end."""
        if self.seekable is not None:
            self.seekable.set_looping(is_looping)

    # What is done with the stream

    @property
    def stride_us(self) -> int:
        """Distance of windows, in time also where it is a number of events."""
        assert self._pipeline is not None
        return self._pipeline.stride_us

    @property
    def windows(self) -> WindowConfig:
        """How streams are cut."""
        return self._config.windows

    def set_windows(self, windows: WindowConfig) -> None:
        """Cut windows like this."""
        self._config = replace(self._config, windows=windows)
        if self._pipeline is not None:
            self._pipeline.set_windows(windows)

    def set_filters(self, configs: Sequence[FilterConfig]) -> None:
        """Filter with these, in this order; those that are on already keep what they learnt."""
        self._filters = {config: self._filters.get(config) or config.build() for config in configs}
        if self._pipeline is not None:
            self._pipeline.set_filters(self.filters)

    @property
    def filters(self) -> tuple[Filter, ...]:
        """The filters that are on; they count what they remove of this stream."""
        return tuple(self._filters.values())

    # Engine

    @property
    def engine(self) -> Engine | None:
        return self._engine

    @property
    def is_loading(self) -> bool:
        """Whether an engine is being loaded."""
        return self._loader.is_loading

    @property
    def progress(self) -> str:
        """What loading an engine is doing, where that takes long."""
        return self._loader.progress

    @property
    def provider_problems(self) -> dict[str, str]:
        """Why providers cannot run here, by name."""
        return self._loader.problems

    def new_notes(self) -> list[str]:
        """Return what the engine has come to note since it was loaded, each subject once."""
        notes = self._engine.notes if self._engine else ()
        new = [note for note in notes if _subject(note) not in self._noted]
        self._noted.update(map(_subject, new))
        return new

    def request_engine(self, path: Path | None, provider: str) -> None:
        """Load an engine in another thread (None: Saccade's own); the last request wins."""
        self._loader.request(path, provider)

    def drop_engine(self) -> None:
        """Show events only."""
        self._loader.cancel()
        self._use(None)

    def _take_loaded(self) -> None:
        loaded = self._loader.take()
        if loaded is None:
            return
        if loaded.engine is None:
            self._notices.append(Notice(loaded.error))
            return
        self._use(loaded.engine)
        for text in loaded.engine.notes:
            if not text.startswith(PICKED):
                self._notices.append(Notice(text, "warning"))
            elif loaded.took_long:  # later it is in the provider's tool tip
                self._notices.append(Notice(text, "note"))

    def _take_stand_in(self) -> None:
        """Take over the engine that goes on for one whose device was lost."""
        going_on = self._pipeline.engine if self._pipeline else None
        if going_on is not None and going_on is not self._engine:
            self._use(going_on)

    def _use(self, engine: Engine | None) -> None:
        before, self._engine = self._engine, engine
        self._noted = set(map(_subject, engine.notes if engine else ()))
        if self._pipeline is not None:
            self._pipeline.set_engine(engine)
        if before is not None and self._pipeline is None:
            before.close()  # else the window in flight may still need it: left to the collector

    # Recording

    @property
    def recording(self) -> FileRecorder | None:
        """The file that is being written."""
        return self._recording

    def start_recording(self, path: Path, *, overwrite: bool = False) -> bool:
        """Write the stream to ``path`` from the next packet on; False where that cannot be."""
        if self._pipeline is None or self.sensor is None or self.source is None:
            return False
        try:
            refuse_input(path, self.text)
            self._recording = FileRecorder(path, self.sensor, self.source.name, overwrite=overwrite)
        except Exception as error:  # the writer's reasons are for the user
            self._notices.append(Notice(str(error)))
            return False
        self._pipeline.set_recorder(self._recording.write)
        return True

    def stop_recording(self) -> None:
        """Complete the file that is being written, if any."""
        recording, self._recording = self._recording, None
        if recording is None:
            return
        if self._pipeline is not None:
            self._pipeline.set_recorder(None)
        try:
            recording.close()
        except Exception as error:  # as above
            self._notices.append(Notice(f"the recording may be incomplete: {error}", "warning"))
            return
        names = ", ".join(str(path) for path in recording.paths)
        self._notices.append(Notice(f"recorded {recording.num_events:,} events to {names}", "note"))


def _subject(note: str) -> str:
    """Return a note without its figures, which go on counting."""
    return re.sub(r"[\d,]+", "", note)
