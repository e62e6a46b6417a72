"""The window's parts and where they lie."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.ui.hud import Hud
from app.ui.left_panel import LeftPanel
from app.ui.message_bar import MessageBar
from app.ui.picture_view import PictureView
from app.ui.right_panel import RightPanel
from app.ui.settings import Preferences
from app.ui.shortcuts import ShortcutSheet
from app.ui.start_page import StartPage
from app.ui.theme import GRID, Theme
from app.ui.top_bar import TopBar
from app.ui.transport import Transport
from app.ui.truth_strip import TruthStrip


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything the window is made of."""

    root: QWidget
    top: TopBar
    messages: MessageBar
    left: LeftPanel
    pages: QStackedWidget
    """Shows ``start`` or the page with the picture."""
    start: StartPage
    stage: QWidget
    picture: PictureView
    truth: TruthStrip
    hud: Hud
    right: RightPanel
    transport: Transport
    sheet: ShortcutSheet


def lay_out(theme: Theme, preferences: Preferences) -> Parts:
    """Make all parts and lay them out in one widget."""
    root = QWidget()
    root.setObjectName("centre")
    picture = PictureView("Events", theme)
    truth = TruthStrip(theme)
    hud = Hud()
    stage = QWidget()
    column = QVBoxLayout(stage)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    framed = QVBoxLayout()
    framed.setContentsMargins(GRID, GRID, GRID, GRID)
    framed.addWidget(picture)
    column.addLayout(framed, 1)
    column.addWidget(truth)
    column.addWidget(hud)
    start = StartPage(theme)
    pages = QStackedWidget()
    pages.addWidget(start)
    pages.addWidget(stage)
    parts = Parts(
        root=root,
        top=TopBar(theme, preferences),
        messages=MessageBar(theme),
        left=LeftPanel(theme, preferences),
        pages=pages,
        start=start,
        stage=stage,
        picture=picture,
        truth=truth,
        hud=hud,
        right=RightPanel(theme, preferences),
        transport=Transport(theme),
        sheet=ShortcutSheet(theme, root),
    )
    middle = QHBoxLayout()
    middle.setSpacing(0)
    middle.addWidget(parts.left)
    middle.addWidget(parts.pages, 1)
    middle.addWidget(parts.right)
    outer = QVBoxLayout(root)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.setSpacing(0)
    outer.addWidget(parts.top)
    outer.addWidget(parts.messages)
    outer.addLayout(middle, 1)
    outer.addWidget(parts.transport)
    return parts
