"""Badge: what really runs the engine and how fast; lights up when the GPU was lost."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel

from app.ui.controls import restyle
from app.ui.hud import LIT_MS
from app.ui.theme import font

MEANING = "What really runs the engine, and windows per second"


class Badge(QLabel):
    """A line such as "CPU · 42/s" in a width that its rate does not change."""

    def __init__(self) -> None:
        super().__init__()
        self.setFont(font(9.0))
        self.setProperty("role", "secondary")
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setAccessibleName("Provider and rate")
        self._notes: tuple[str, ...] = ()
        self._num_fallbacks = 0
        self._unlight = QTimer(self, singleShot=True, interval=LIT_MS)
        self._unlight.timeout.connect(lambda: restyle(self, "role", "secondary"))
        self._explain()

    @property
    def is_lit(self) -> bool:
        return bool(self.property("role") == "warning")

    def show_provider(self, provider: str, notes: Sequence[str]) -> None:
        """Show what runs another engine, and in the tool tip why."""
        self._show(provider, f"{provider} · 999/s" if provider else "")
        self.show_notes(notes)

    def show_notes(self, notes: Sequence[str]) -> None:
        """Show in the tool tip what the user must know of what runs."""
        if tuple(notes) != self._notes:
            self._notes = tuple(notes)
            self._explain()

    def show_rate(self, provider: str, windows_per_s: float) -> None:
        """Show the provider with the rate."""
        self._show(f"{provider} · {windows_per_s:.0f}/s", f"{provider} · 999/s")

    def show_fallbacks(self, count: int) -> None:
        """Keep count of lost GPUs; one more draws the eye for two seconds."""
        if count > self._num_fallbacks:
            restyle(self, "role", "warning")
            self._unlight.start()
        if count != self._num_fallbacks:
            self._num_fallbacks = count
            self._explain()

    def _show(self, text: str, widest: str) -> None:
        if self.text() != text:
            self.setText(text)
            self.setFixedWidth(self.fontMetrics().horizontalAdvance(widest) + 2)

    def _explain(self) -> None:
        lost = f"GPU lost, gone on with the CPU: {self._num_fallbacks}"
        lines = [MEANING, *self._notes, *([lost] if self._num_fallbacks else [])]
        self.setToolTip("\n".join(lines))
        self.setAccessibleDescription("; ".join(lines[1:]))
