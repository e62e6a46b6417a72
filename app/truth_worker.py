"""TruthWorker: renders a synthetic scene's truth beside the predictions, off the GUI's thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from app.agreement import Agreement, Figures
from app.latest import Latest
from app.scene import Scene
from events.simulate.truth import Frame

POLL_S = 0.05


@runtime_checkable
class HasTruth(Protocol):
    """A source that knows what is really there."""

    def truth(self, t_us: int) -> Frame: ...


@dataclass(frozen=True, slots=True)
class Compared:
    """A scene, what was really there at its window's end, and the agreement so far."""

    scene: Scene
    truth: Frame
    is_kind_right: bool | None
    figures: Figures


class TruthWorker:
    """Compares scenes with the truth; the newest scene wins, since rendering takes its time."""

    def __init__(self, source: HasTruth) -> None:
        self.source = source
        self._scenes: Latest[Scene] = Latest()
        self._compared: Latest[Compared] = Latest()
        self._agreement = Agreement()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="saccade-truth", daemon=True)
        self._thread.start()

    def put(self, scene: Scene) -> None:
        """Compare a scene when there is time."""
        self._scenes.put(scene)

    def take(self) -> Compared | None:
        """Return the newest comparison once."""
        return self._compared.take()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            scene = self._scenes.take(POLL_S)
            if scene is not None:
                self._compared.put(compare(scene, self.source, self._agreement))


def compare(scene: Scene, source: HasTruth, agreement: Agreement) -> Compared:
    """Render the truth at the end of a scene's window and add it to ``agreement``."""
    truth = source.truth(scene.packet.end_us)
    is_right = agreement.add(scene.prediction, truth) if scene.prediction is not None else None
    return Compared(scene, truth, is_right, agreement.figures())
