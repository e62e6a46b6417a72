"""RightPanel: recognition, classes and depth, or a bare encoder's tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.colormaps import COLORMAPS
from app.render import depth_image
from app.ui.controls import Check, Picker, head, note, rule, scrolling
from app.ui.meaning import ClassLegend, DepthScale, Painted, ScoreBars
from app.ui.picture_view import PictureView
from app.ui.settings import Preferences
from app.ui.theme import GRID, RIGHT_WIDTH, Theme
from app.ui.token_legend import TokenLegend
from app.ui.units import metres_text
from models.card import TOKENS, ModelCard
from models.results import Depth, Prediction

DEFAULT_RANGE_M = (0.5, 20.0)
NUM_CLASSES = 8
DEPTH_HEIGHTS = 96, 184
"""Least and most of its picture, as the window is low or high."""


class RightPanel(QWidget):
    """Folds away with F10."""

    colormap_changed = Signal(str)
    stretch_changed = Signal(bool)

    def __init__(self, theme: Theme, preferences: Preferences) -> None:
        super().__init__()
        self.setObjectName("rightPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(RIGHT_WIDTH)
        self._colormap = preferences.colormap
        self._range_m = DEFAULT_RANGE_M
        self.bars = ScoreBars(theme)
        self.legend = ClassLegend(theme, NUM_CLASSES)
        self.depth_view = PictureView("Depth", theme)
        self.depth_view.setMinimumHeight(DEPTH_HEIGHTS[0])
        self.depth_view.setMaximumHeight(DEPTH_HEIGHTS[1])
        self.scale = DepthScale(theme)
        self.depth_range = note()
        widest = self.depth_range.fontMetrics().horizontalAdvance("0.25 – 0.25 m")
        self.depth_range.setMinimumWidth(widest)
        self.map_picker = self._map_picker("Colour map of depth", theme)
        self.token_legend = TokenLegend(theme)
        self.token_map_picker = self._map_picker("Colour map of likeness", theme)
        self.stretch = Check("Stretch", theme)
        self.stretch.setToolTip("Spread the colours over what occurs, instead of over −1 to 1")
        self.stretch.setChecked(preferences.stretches_likeness)
        self.stretch.toggled.connect(self.stretch_changed)
        self.recognition_section = self._section("Recognition", self.bars)
        self.classes_section = self._section("Classes", self.legend)
        self.depth_section = self._section(
            "Depth", self.depth_view, self.scale, beside=(self.depth_range, None, self.map_picker)
        )
        self.tokens_section = self._section(
            "Tokens", self.token_legend, beside=(None, self.stretch, self.token_map_picker)
        )
        self._painted: dict[str, Painted | PictureView] = {
            "recognition": self.bars,
            "segmentation": self.legend,
            "depth": self.depth_view,
            TOKENS: self.token_legend,
        }
        self._is_bare = False
        self._lay_out()
        self._preferences = preferences
        self.follow(preferences)
        self.clear()

    def _lay_out(self) -> None:
        content = QWidget()
        content.setObjectName("panel")
        layout = QVBoxLayout(content)
        layout.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        layout.setSpacing(0)
        for section in (
            self.recognition_section,
            self.classes_section,
            self.depth_section,
            self.tokens_section,
        ):
            layout.addWidget(section, int(section is self.depth_section))
        layout.addStretch()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 0, 0, 0)
        outer.addWidget(scrolling(content))

    def _map_picker(self, name: str, theme: Theme) -> Picker:
        picker = Picker(name, theme)
        picker.set_choices([(colors, colors) for colors in COLORMAPS], self._colormap)
        picker.fit_to_widest()
        picker.picked.connect(self._pick_map)
        return picker

    def _section(
        self, title: str, *widgets: QWidget, beside: Sequence[QWidget | None] = (None,)
    ) -> QWidget:
        """Return ``widgets`` under their title; None among what stands beside it is room."""
        section = QWidget()
        layout = QVBoxLayout(section)
        layout.setContentsMargins(0, 0, 0, GRID + 4)
        layout.setSpacing(4)
        line = QHBoxLayout()
        line.addWidget(head(title))
        for widget in beside:
            if widget is None:
                line.addStretch()
            else:
                line.addWidget(widget)
        layout.addLayout(line)
        for widget in widgets:
            layout.addWidget(widget)
        if title in ("Depth", "Tokens"):  # the last ones
            layout.addStretch()
        else:
            layout.addSpacing(GRID)
            layout.addWidget(rule())
        return section

    def _pick_map(self, name: object) -> None:
        self.show_colormap(str(name))
        self.colormap_changed.emit(str(name))

    def show_colormap(self, name: str) -> None:
        """Use another colour map from the next picture on."""
        self._colormap = name
        self.map_picker.show_value(name)
        self.token_map_picker.show_value(name)
        self.scale.show_scale(*self._range_m, name)

    def follow(self, preferences: Preferences) -> None:
        """Show the sections that are wanted, of what the engine is there for."""
        self._preferences = preferences
        self.depth_section.setVisible(preferences.shows_depth and not self._is_bare)
        self.classes_section.setVisible(preferences.shows_segmentation and not self._is_bare)
        self.recognition_section.setVisible(preferences.shows_recognition and not self._is_bare)
        self.tokens_section.setVisible(preferences.shows_tokens and self._is_bare)
        self.show_colormap(preferences.colormap)

    def show_engine(self, card: ModelCard | None, *, is_loading: bool) -> None:
        """Take the depth range of an engine; sections that it has no task for say so."""
        self._range_m = card.depth_range_m if card else DEFAULT_RANGE_M
        self.scale.show_scale(*self._range_m, self._colormap)
        said = card.says if card else ()
        for output, widget in self._painted.items():
            reason = "" if output in said else f"{card.name} does not say" if card else "no engine"
            widget.set_placeholder("loading the engine…" if is_loading else reason)
        self._is_bare = card is not None and not card.tasks
        self.follow(self._preferences)
        self.clear()

    def show_waiting(self, text: str) -> None:
        """Say what the sections wait for."""
        for widget in self._painted.values():
            widget.set_placeholder(text)

    def clear(self) -> None:
        """Show no prediction."""
        self.bars.show_scores(())
        self.legend.show_shares({})
        self.depth_view.show_image(None)
        self.depth_range.setText("")
        self.token_legend.show_tokens(None, None, self._colormap)

    @property
    def range_m(self) -> tuple[float, float]:
        """Near and far end of the depth colours."""
        return self._range_m

    def show_prediction(self, prediction: Prediction) -> None:
        """Show scores and shares of a window; a few times a second, to be read."""
        if prediction.recognition is not None:
            self.bars.show_scores(prediction.recognition.top(ScoreBars.NUM_ROWS))
        if prediction.segmentation is not None:
            self.legend.show_shares(prediction.segmentation.fractions())
        if prediction.depth is not None:
            depth_m = prediction.depth.depth_m
            low, high = metres_text(float(depth_m.min())), metres_text(float(depth_m.max()))
            self.depth_range.setText(f"{low} – {high} m")

    def show_depth(self, depth: Depth) -> None:
        """Show the depth of a window."""
        near_m, far_m = self._range_m
        # no more pixels than the view has: a large sensor's picture would cost a millisecond
        step = max(1, depth.depth_m.shape[1] // self.depth_view.width())
        depth = Depth(np.ascontiguousarray(depth.depth_m[::step, ::step]))
        self.depth_view.show_image(
            depth_image(depth, near_m=near_m, far_m=far_m, colors=self._colormap)
        )
