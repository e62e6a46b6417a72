"""The GUI's process: display, application, window, signals, screenshot."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from PySide6.QtCore import QBuffer, QIODevice, QTimer
from PySide6.QtWidgets import QApplication

from app.cli import EXIT_FAILED, EXIT_INTERRUPTED
from app.ui import settings as store
from app.ui.screen import ensure_display
from app.ui.session import OpenSource, Session
from app.ui.theme import THEMES, apply_theme
from app.ui.window import TICK_MS, MainWindow

SIGNAL_POLL_MS = 200
"""How often Python gets a turn to see Ctrl-C, which Qt's loop knows nothing of."""


SWITCH_S = 0.001
"""How long another thread may hold the GIL while the GUI waits for it; Python's own 5 ms would be
a third of a screen refresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuiOptions:
    """What the command line asks of the window; None leaves what was remembered."""

    text: str | None = None
    """The input to open."""
    engine: str | None = None
    provider: str | None = None
    theme: str | None = None
    size: tuple[int, int] | None = None
    """Width and height of the window in pixels."""
    screenshot: Path | None = None
    after_s: float = 3.0
    """When to take the screenshot; then the window closes."""
    is_remembered: bool = True
    """Whether the window begins as the last one ended, and the next one as this one ends."""


def run_gui(options: GuiOptions, open_source: OpenSource) -> int:
    """Show the window until it is closed; return the exit code."""
    ensure_display()
    if options.screenshot is not None:
        options.screenshot.parent.mkdir(parents=True, exist_ok=True)
    sys.setswitchinterval(SWITCH_S)
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("Saccade")
    application.setDesktopFileName("saccade")
    settings = store.open_settings()
    preferences, notes = store.load(settings)
    # a screenshot shows the defaults, whoever takes it, and leaves no trace
    is_kept = options.is_remembered and options.screenshot is None
    preferences = preferences if is_kept else store.Preferences(recent=())
    preferences = with_options(preferences, options)
    apply_theme(application, THEMES[preferences.theme])
    window = MainWindow(Session(open_source), preferences, settings if is_kept else None)
    if options.size is not None:
        window.resize(*options.size)
    for note in notes if is_kept else ():
        window.parts.messages.show_message(note, "note")
    window.show()
    QTimer.singleShot(0, lambda: _begin(window, options))
    interrupted = listen_for_signals(window)
    saved = _plan_screenshot(window, options) if options.screenshot is not None else None
    code = application.exec()
    if interrupted():
        return EXIT_INTERRUPTED
    return EXIT_FAILED if saved is not None and not saved() else code


def with_options(preferences: store.Preferences, options: GuiOptions) -> store.Preferences:
    """Return ``preferences`` with what the command line asks for."""
    changes = {
        name: getattr(options, name)
        for name in ("engine", "provider", "theme")
        if getattr(options, name) is not None
    }
    if options.engine:
        changes["engine"] = str(Path(options.engine).resolve())  # remembered: for any folder
    return replace(preferences, **changes)


def _begin(window: MainWindow, options: GuiOptions) -> None:
    if options.text:
        window.open(options.text)
    begin_engine(window)


def begin_engine(window: MainWindow) -> None:
    """Load the engine once the window was drawn: the libraries that it imports would hold it up."""
    QTimer.singleShot(TICK_MS, window.load_engine)


def listen_for_signals(window: MainWindow) -> Callable[[], bool]:
    """Close the window on Ctrl-C and on termination; return whether that happened."""
    caught: list[int] = []

    def close(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        QTimer.singleShot(0, window.close)  # not in the middle of what was interrupted

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, close)
    timer = QTimer(window, interval=SIGNAL_POLL_MS)
    timer.timeout.connect(lambda: None)
    timer.start()
    return lambda: bool(caught)


def _plan_screenshot(window: MainWindow, options: GuiOptions) -> Callable[[], bool]:
    """Save a picture of the window after ``after_s`` and close; return whether it was written."""
    results: list[bool] = []

    def take() -> None:
        path = options.screenshot
        assert path is not None
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_bytes(_png(window))
            os.replace(part, path)
            results.append(True)
        except OSError as error:
            part.unlink(missing_ok=True)
            sys.stderr.write(f"saccade: {path} cannot be written: {error.strerror}\n")
        finally:
            window.close()

    QTimer.singleShot(round(1000 * options.after_s), take)
    return lambda: results == [True]


def _png(window: MainWindow) -> bytes:
    """Return a picture of the window: Qt's own writing to a file would not say what failed."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    window.grab().save(buffer, "PNG")
    return bytes(buffer.data().data())
