"""Where the events of a scene come from: one recording, or one small file a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from events.packet import EventPacket
from events.recordings.recording import Recording, RecordingError
from training.data.check import SPAN_US, Finding
from training.data.dataset import Split
from training.data.folder import DataError
from training.data.open_files import OpenFiles
from training.data.recorded import MOST_LOST
from training.data.tracks import Times

SLACK_US = 20_000
"""A scene may be quiet so long before its first and after its last event."""


class EventSource(Protocol):
    """The events of a scene, placed as its pictures and labels are."""

    def between(self, number: int, start_us: int, end_us: int) -> EventPacket:
        """Return the events in [start_us, end_us).

        Args:
            number: Of the scene's window, for sources with one file a window.
            start_us: On the scene's clock.
            end_us: On the scene's clock.

        Raises:
            DataError: they are missing or too damaged; the message names the file.
            RecordingError: the file cannot be opened.
        """
        ...

    def findings(self, split: Split | None, label: str, *, deep: bool) -> Iterator[Finding]:
        """Yield what is found of its files; see Checkable."""
        ...


class RecordingEvents:
    """One recording, of which no more than a window is held.

    Args:
        files: That it is opened with.
        path: The recording.
        place: Moves events to where they lie in pictures and labels; None leaves them.
    """

    def __init__(
        self,
        files: OpenFiles[Recording],
        path: Path,
        place: Callable[[EventPacket], EventPacket] | None = None,
    ) -> None:
        self._files, self.path, self._place = files, path, place

    def between(self, number: int, start_us: int, end_us: int) -> EventPacket:
        recording = self._files.get(self.path)
        first_us, last_us = recording.start_us - SLACK_US, recording.end_us + SLACK_US
        if start_us < first_us or end_us > last_us:
            raise DataError(
                f"{self.path} covers [{recording.start_us}, {recording.end_us}) us, "
                f"not [{start_us}, {end_us}) us"
            )
        packet = recording.events_between(start_us, end_us)
        check_losses(packet, self.path)
        return packet if self._place is None else self._place(packet)

    def findings(self, split: Split | None, label: str, *, deep: bool) -> Iterator[Finding]:
        yield _finding(lambda: self._files.get(self.path), self.path, split, label, deep=deep)


class WindowFiles:
    """One file for each window.

    Args:
        paths: (K,) in the order of the scene's windows.
        ends_us: (K,) when they end.
        open_: Opens one, given when its window ends.
    """

    def __init__(
        self, paths: Sequence[Path], ends_us: Times, open_: Callable[[Path, int], Recording]
    ) -> None:
        self.paths, self._ends_us, self._open = paths, ends_us, open_

    def between(self, number: int, start_us: int, end_us: int) -> EventPacket:
        path = self.paths[number]
        with self._recording(number) as recording:
            if recording.end_us <= start_us or recording.start_us >= end_us:
                raise DataError(
                    f"{path} covers [{recording.start_us}, {recording.end_us}) us, "
                    f"not [{start_us}, {end_us}) us"
                )
            packet = recording.events_between(start_us, end_us)
        check_losses(packet, path)
        return packet

    def findings(self, split: Split | None, label: str, *, deep: bool) -> Iterator[Finding]:
        for number, path in enumerate(self.paths):
            yield _finding(partial(self._recording, number), path, split, label, deep=deep)

    def _recording(self, number: int) -> Recording:
        path = self.paths[number]
        if not path.is_file():
            raise DataError(f"{path} is missing")
        return self._open(path, int(self._ends_us[number]))


def check_losses(packet: EventPacket, path: Path) -> None:
    """Raise where too much of a window is lost.

    Raises:
        DataError: more than MOST_LOST of its events.
    """
    if packet.num_lost > MOST_LOST * (len(packet) + packet.num_lost):
        raise DataError(
            f"{path} is damaged: {packet.num_lost:,} events are lost near "
            f"[{packet.start_us}, {packet.end_us}) us"
        )


def _finding(
    open_: Callable[[], Recording], path: Path, split: Split | None, label: str, *, deep: bool
) -> Finding:
    """Open a recording, with ``deep`` read all its events, and say what is wrong with it."""
    if not path.is_file():
        return Finding(path=path, split=split, label=label, state="missing", problem="no such file")
    try:
        problem = _problem(open_(), deep=deep)
    except (RecordingError, DataError) as error:
        problem = str(error).splitlines()[0].removeprefix(f"{path} ")
    state: Literal["found", "corrupt"] = "corrupt" if problem else "found"
    return Finding(path=path, split=split, label=label, state=state, problem=problem)


def _problem(recording: Recording, *, deep: bool) -> str:
    if recording.end_us <= recording.start_us:
        return "holds no events"
    if deep:
        for _ in recording.packets(duration_us=SPAN_US):
            pass
    return "" if recording.damage.is_clean else f"is damaged: {recording.damage}"
