"""Hud: the strip of figures under the picture; a bad one lights up and stays counted."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.scene import STAGES, Stats
from app.ui.controls import note, restyle
from app.ui.theme import GRID, font
from app.ui.units import count_text, duration_text, rate_text

LIT_MS = 2000


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One figure: its name, the widest text it will show, and what it means."""

    key: str
    title: str
    widest: str
    meaning: str


FIELDS = (
    FieldSpec(
        "rate", "Events", "99.9 Mev/s", "Events per second of the stream's own time, as received."
    ),
    FieldSpec(
        "windows", "Windows", "999 / 999 /s", "Windows per second: done / asked for by the stream."
    ),
    FieldSpec(
        "age",
        "Data age",
        "9999 ms",
        "From receiving a window's last events to showing its result (p50).",
    ),
    FieldSpec(
        "latency", "p50 / p95", "999 / 999 ms", "Time a window takes: represent, infer and decode."
    ),
    FieldSpec(
        "dropped",
        "Dropped",
        "999,999",
        "Windows replaced by newer ones before the engine was free.",
    ),
    FieldSpec(
        "lost",
        "Lost",
        "99.99 M",
        "Events lost before they came here: driver, network or damaged file.",
    ),
    FieldSpec(
        "failed", "Failed", "999,999", "Windows that the engine failed on: shown as events only."
    ),
)


class HudField(QWidget):
    """One figure under its name, in a width that fits its widest text."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__()
        self.meaning = spec.meaning
        self.title, self.value = note(spec.title), QLabel("–")
        self.value.setFont(font(10.0))
        self.value.setAccessibleName(spec.title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.setSpacing(0)
        for label in (self.title, self.value):
            label.setAlignment(Qt.AlignmentFlag.AlignRight)
            layout.addWidget(label)
        self.setMinimumWidth(self.value.fontMetrics().horizontalAdvance(spec.widest) + 2)
        self.setToolTip(spec.meaning)
        self._unlight = QTimer(self, singleShot=True, interval=LIT_MS)
        self._unlight.timeout.connect(lambda: restyle(self.value, "role", ""))

    def show_text(self, text: str, *, details: str = "") -> None:
        """Show a figure; ``details`` follow its meaning in the tool tip."""
        self.value.setText(text)
        self.setToolTip(f"{self.meaning}\n{details}" if details else self.meaning)

    def light(self) -> None:
        """Draw the eye for two seconds."""
        restyle(self.value, "role", "warning")
        self._unlight.start()

    @property
    def is_lit(self) -> bool:
        return bool(self.value.property("role") == "warning")


class Hud(QWidget):
    """The strip of figures."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("hud")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Figures")
        self.setFixedHeight(5 * GRID)
        self.fields = {spec.key: HudField(spec) for spec in FIELDS}
        self._counts = {"dropped": 0, "lost": 0, "failed": 0}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 0, 2 * GRID, 0)
        layout.setSpacing(GRID)
        for i, field in enumerate(self.fields.values()):
            if i:
                layout.addStretch()
            layout.addWidget(field)
        self.fields["failed"].hide()

    def clear(self) -> None:
        """Show that nothing is open."""
        self._counts = dict.fromkeys(self._counts, 0)
        self.fields["failed"].hide()
        for field in self.fields.values():
            field.show_text("–")

    def show_stats(self, stats: Stats) -> None:
        """Show the figures of a running stream."""
        show = {key: field.show_text for key, field in self.fields.items()}
        show["rate"](
            rate_text(stats.event_rate),
            details=f"After the filters: {rate_text(stats.filtered_rate)}; "
            f"{count_text(stats.num_filtered)} events removed so far",
        )
        gathered = f"The next one has {count_text(stats.num_gathered)} events so far"
        show["windows"](
            f"{stats.windows_done_per_s:.0f} / {stats.windows_asked_per_s:.0f} /s",
            details=gathered if stats.num_gathered else "",
        )
        show["age"](
            duration_text(stats.age.p50_ms),
            details=f"p95 {duration_text(stats.age.p95_ms)}; "
            f"{count_text(stats.backlog_events)} events wait to be read",
        )
        total = stats.latency.get("total")
        stages = [(stage, stats.latency[stage]) for stage in STAGES if stage in stats.latency]
        show["latency"](
            f"{total.p50_ms:.0f} / {total.p95_ms:.0f} ms" if total else "–",
            details="\n".join(
                f"{stage}: p50 {value.p50_ms:.1f} ms, p95 {value.p95_ms:.1f} ms"
                for stage, value in stages
            ),
        )
        self._show_count("dropped", stats.num_dropped_windows)
        self._show_count("lost", stats.num_lost_events)
        if stats.num_engine_failures:
            self.fields["failed"].show()
            self._show_count("failed", stats.num_engine_failures)

    def _show_count(self, key: str, count: int) -> None:
        if count > self._counts[key]:
            self.fields[key].light()
        self._counts[key] = count
        self.fields[key].show_text(count_text(count))
