"""Replay: a recording as a source, at any speed, with loop, seek, pause and step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

from events.packet import EventPacket, SensorSize
from events.recordings.cursor import Cursor
from events.recordings.open import open_recording, sensor_note
from events.recordings.recording import Recording, RecordingError
from events.sources.playback import Playback
from events.sources.source import SourceError, SourceStatus


class ReplaySource(Playback):
    """A Seekable over a file. It waits for its consumer: nothing is dropped, however slow that is.

    ``packets`` ends once at the end of the file (when it does not loop); after ``seek`` or
    ``resume`` it may be called again. A file that is still being written is followed as far as it
    goes.

    Args:
        path: The recording.
        speed: Event seconds per wall second; ``math.inf`` for as fast as packets are consumed.
        loop: Whether to start again at the end.
        sensor: The sensor's size, used where the file does not say it; None is to guess it then.
    """

    def __init__(
        self,
        path: str | Path,
        speed: float = 1.0,
        loop: bool = False,
        sensor: SensorSize | None = None,
    ) -> None:
        super().__init__(speed=speed, is_looping=loop)
        self._path = Path(path)
        self._given_sensor = sensor
        self._recording: Recording | None = None
        self._num_lost, self._message = 0, ""

    @property
    def name(self) -> str:
        return self._path.name

    @property
    def recording(self) -> Recording:
        """The open file, for what a source does not say: its frames, its damage."""
        if self._recording is None:
            raise SourceError(f"{self._path} is not open: use the source in a with statement")
        return self._recording

    @property
    def sensor(self) -> SensorSize:
        return self.recording.sensor

    @property
    def status(self) -> SourceStatus:
        return replace(super().status, num_lost=self._num_lost, message=self._message)

    def __enter__(self) -> Self:
        try:
            self._recording = open_recording(self._path, self._given_sensor)
            self._open(self._recording.start_us, self._recording.end_us)
        except RecordingError as error:
            self._close()
            raise SourceError(str(error)) from None
        self._describe()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._close()

    def packets(self) -> Iterator[EventPacket]:
        """Yield packets until the end or ``stop``; while paused, what seek and step ask for."""
        cursor: Cursor | None = None
        position_us = 0
        while span := self._next_span():
            start_us, stop_us = span
            try:
                if cursor is None:
                    cursor = Cursor(self.recording, start_us)
                elif start_us != position_us:
                    cursor.seek(start_us)
                packet = cursor.read(stop_us)
            except RecordingError as error:
                raise SourceError(str(error)) from None
            if packet.num_lost:
                self._describe()
                self._num_lost += packet.num_lost
            position_us = packet.end_us
            if position_us != stop_us:
                self._skip(stop_us, position_us)  # the recording's clock jumped
            yield packet

    def _current_end_us(self) -> int:
        self._describe()
        return self.recording.end_us

    def _describe(self) -> None:
        """Set the message: what the user should know of the sensor's size, and of damage."""
        damage = self.recording.damage
        notes = [sensor_note(self.recording, self._given_sensor)]
        notes += [] if damage.is_clean else [f"damaged recording: {damage}"]
        self._message = "; ".join(note for note in notes if note)

    def _close(self) -> None:
        if self._recording is not None:
            self._recording.close()
            self._recording = None
