"""MainWindow: the parts, every control wired to the session; pulls scenes on a timer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings, Qt, QTimer
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QFileDialog, QMainWindow, QToolButton, QWidget

from app.engines import BACKENDS
from app.ui import icons
from app.ui import settings as store
from app.ui.actions import Actions
from app.ui.display import Display
from app.ui.keys import KeyKeeper, add_shortcuts
from app.ui.layout import Parts, lay_out
from app.ui.session import Session
from app.ui.settings import Preferences
from app.ui.source_panel import kind_of
from app.ui.theme import THEMES, Theme, Themed, apply_theme
from events.recordings.open import recording_suffixes
from export.backends.backend import Engine

TICK_MS = 16
ENGINE_FILTER = f"Engines ({' '.join(f'*{suffix}' for suffix in BACKENDS)});;All files (*)"


class MainWindow(QMainWindow):
    """The application's window.

    Args:
        session: Steered by this window alone; shut down with it.
        preferences: What was remembered.
        settings: Where to remember; None remembers nothing.
    """

    def __init__(
        self, session: Session, preferences: Preferences, settings: QSettings | None = None
    ) -> None:
        super().__init__()
        self.session = session
        self.preferences = preferences
        self._settings = settings
        self._shown_engine: tuple[Engine | None, bool, str] | None = None
        self._progress = ""
        self.parts: Parts = lay_out(THEMES[preferences.theme], preferences)
        self.setCentralWidget(self.parts.root)
        self.parts.sheet.setParent(self)
        self.display = Display(session, self.parts, preferences)
        self.actions_ = Actions(self)
        self.setWindowTitle("Saccade")
        self.setAcceptDrops(True)
        self.setMinimumSize(1060, 600)
        self.resize(1280, 800)
        self._connect()
        add_shortcuts(self, self.actions_)
        self._keys = KeyKeeper(self)
        self._keys.keep(self.parts.root)
        self._apply_preferences()
        self.timer = QTimer(self, interval=TICK_MS)
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self.tick)
        self.timer.start()

    # Wiring

    def _connect(self) -> None:
        top, left, right, transport = (
            self.parts.top,
            self.parts.left,
            self.parts.right,
            self.parts.transport,
        )
        top.view_changed.connect(lambda view: self.prefer(view=view))
        top.segmentation_changed.connect(lambda on: self.prefer(shows_segmentation=on))
        top.opacity_changed.connect(lambda opacity: self.prefer(opacity=opacity))
        top.depth_changed.connect(lambda on: self.prefer(shows_depth=on))
        top.tokens_changed.connect(lambda on: self.prefer(shows_tokens=on))
        top.engine_picked.connect(self._pick_engine)
        top.provider_picked.connect(self._pick_provider)
        top.theme_asked.connect(self.actions_.toggle_theme)
        top.sheet_asked.connect(self.actions_.toggle_sheet)
        top.left_asked.connect(self.actions_.toggle_left)
        top.right_asked.connect(self.actions_.toggle_right)
        left.source.opened.connect(self.open)
        left.source.recording_asked.connect(self.ask_recording)
        left.source.address_changed.connect(lambda text: self.prefer(address=text))
        left.source.seed_changed.connect(lambda seed: self.prefer(seed=seed))
        left.windows.changed.connect(self._change_windows)
        left.decay_changed.connect(lambda decay: self.prefer(decay_ms=decay))
        left.filters_changed.connect(self._change_filters)
        right.colormap_changed.connect(lambda name: self.prefer(colormap=name))
        right.stretch_changed.connect(lambda on: self.prefer(stretches_likeness=on))
        transport.play_asked.connect(self.actions_.toggle_playing)
        transport.step_asked.connect(self.session.step)
        transport.loop_changed.connect(self._change_loop)
        transport.speed_changed.connect(self.actions_.set_speed)
        transport.record_asked.connect(self.actions_.toggle_recording)
        transport.timeline.seek_asked.connect(self.session.seek)
        start = self.parts.start
        start.recording_asked.connect(self.ask_recording)
        start.camera_asked.connect(lambda: self.open("camera"))
        start.demo_asked.connect(lambda: self.open(f"synthetic:{self.preferences.seed}"))
        start.recent_asked.connect(self.open)

    def prefer(self, **changes: object) -> None:
        """Change preferences; the display follows at once, also while paused."""
        self.preferences = replace(self.preferences, **changes)  # type: ignore[arg-type]
        self.display.follow(self.preferences)

    def _apply_preferences(self) -> None:
        preferences = self.preferences
        self.session.set_windows(preferences.windows)
        self.session.set_filters(self.parts.left.configs())
        self.parts.transport.loop.setChecked(preferences.is_looping)
        self.parts.left.setVisible(preferences.left_open)
        self.parts.right.setVisible(preferences.right_open)
        self._show_recent()
        if self._settings is not None:
            geometry = self._settings.value(store.GEOMETRY_KEY)
            if isinstance(geometry, QByteArray):
                self.restoreGeometry(geometry)

    # Time

    def tick(self) -> None:
        """Take what is new and show it; called at the screen's pace."""
        scene, notices = self.session.poll()
        for notice in notices:
            self.parts.messages.show_message(notice.text, notice.role)
        shown = (self.session.engine, self.session.is_loading, self.session.progress)
        if shown != self._shown_engine:
            self._shown_engine = shown
            self._show_engine()
        self.display.tick(scene)

    def _show_engine(self) -> None:
        engine, is_loading = self.session.engine, self.session.is_loading
        card = engine.card if engine else None
        name = "Loading…" if is_loading else card.title if card else "No engine"
        top = self.parts.top
        top.show_engine(name, self.preferences.provider, self.session.provider_problems)
        top.badge.show_provider(engine.provider if engine else "", engine.notes if engine else ())
        self._show_progress(self.session.progress)
        self.parts.top.show_outputs(card)
        self.parts.right.show_engine(card, is_loading=is_loading)
        self.display.show_engine()
        self._follow_engine()

    def _show_progress(self, text: str) -> None:
        """Show what loading an engine is doing, as long as it does."""
        messages = self.parts.messages
        if text:
            messages.show_message(text, "progress")
        elif messages.text == self._progress:
            messages.hide()
        self._progress = text

    # Sources

    def open(self, text: str) -> None:
        """Open an input: FILE, camera[:SERIAL], tcp://HOST:PORT, unix:PATH or synthetic[:SEED]."""
        if not text:
            self.parts.messages.show_message("no address: write tcp://HOST:PORT or unix:PATH")
        if not text or not self.session.open(
            text, is_looping=self.preferences.is_looping, speed=self.actions_.speed
        ):
            self._show_input()
            return
        self.display.hide_message()
        if kind_of(text) == "recording":
            path = str(Path(text).resolve())
            self.prefer(last_folder=str(Path(path).parent))
            self.preferences = self.preferences.with_recent(path)
            self._show_recent()
        self.display.show_source()

    def _show_input(self) -> None:
        """Light the source that plays on: the button that was pressed came to nothing."""
        self.parts.left.source.show_input(self.session.text)

    def _show_recent(self) -> None:
        self.parts.start.show_recent(self.preferences.recent)
        self.parts.left.source.show_recent(self.preferences.recent)

    def ask_recording(self) -> None:
        """Let the user choose a file and open it."""
        path, _ = QFileDialog.getOpenFileName(
            self, "Open recording", self.preferences.last_folder, _recording_filter()
        )
        if path:
            self.open(path)
        else:
            self._show_input()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
            self.parts.start.show_dropping(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802
        self.parts.start.show_dropping(False)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        self.parts.start.show_dropping(False)
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            engines = [path for path in paths if Path(path).suffix in BACKENDS]
            if engines:
                self._pick_engine(engines[0])
            else:
                self.open(paths[0])

    # Engine

    def _pick_engine(self, choice: str) -> None:
        if choice == "none":
            self.session.drop_engine()
            return
        if choice == "ask":
            choice, _ = QFileDialog.getOpenFileName(
                self, "Open engine", self.preferences.last_folder, ENGINE_FILTER
            )
            if not choice:
                return
        self.prefer(engine=choice)
        self.load_engine()

    def _pick_provider(self, provider: str) -> None:
        self.prefer(provider=provider)
        self.load_engine()

    def load_engine(self) -> None:
        """Load the preferred engine on the preferred provider, in the background."""
        path = Path(self.preferences.engine) if self.preferences.engine else None
        self.session.request_engine(path, self.preferences.provider)

    # Changes that the session follows

    def _change_windows(self, changes: dict[str, object]) -> None:
        self.prefer(**changes)
        self._follow_engine()

    def _follow_engine(self) -> None:
        """Cut windows as the engine was trained, or offer that where the user chose others."""
        engine, wanted = self.session.engine, self.preferences
        card = engine.card if engine else None
        engine_ms = (card.window_us / 1000, card.stride_us / 1000) if card else None
        if engine_ms and wanted.uses_engine_window and wanted.window_unit == "time":
            self.prefer(length_ms=engine_ms[0], stride_ms=engine_ms[1])
            engine_ms = None
        self.parts.left.windows.show_windows(self.preferences)
        self.parts.left.windows.suggest(engine_ms)
        self.session.set_windows(self.preferences.windows)

    def _change_filters(self, names: object) -> None:
        self.prefer(filters=names)
        self.session.set_filters(self.parts.left.configs())

    def _change_loop(self, is_looping: bool) -> None:
        self.prefer(is_looping=is_looping)
        self.session.set_looping(is_looping)

    def set_theme(self, name: str) -> None:
        """Change every colour."""
        theme = THEMES[name]
        self.prefer(theme=name)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, theme)
        dress(self, theme)

    # The end

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.parts.sheet.setGeometry(self.rect())

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        self.timer.stop()
        self.session.shut_down()
        self.display.close()
        if self._settings is not None:
            self._settings.setValue(store.GEOMETRY_KEY, self.saveGeometry())
            store.save(self._settings, self.preferences)
        event.accept()


def dress(root: QWidget, theme: Theme) -> None:
    """Give a theme to every widget under ``root`` that paints or draws icons itself."""
    for widget in root.findChildren(QWidget):
        icon_name = widget.property("icon_name")
        if isinstance(widget, QToolButton) and icon_name:
            widget.setIcon(icons.icon(str(icon_name), theme.text, disabled=theme.line))
        if isinstance(widget, Themed):
            widget.set_theme(theme)


def _recording_filter() -> str:
    """Return the file dialog's choices: every format that is read."""
    patterns = " ".join(f"*{suffix}" for suffix in recording_suffixes())
    return f"Event recordings ({patterns});;All files (*)"
