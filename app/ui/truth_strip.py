"""TruthStrip: ground truth and prediction next to each other, where the source knows the truth."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.render import depth_image, segmentation_image
from app.truth_worker import Compared
from app.ui.controls import elided, head, note, restyle
from app.ui.picture_view import PictureView
from app.ui.theme import GRID, Theme, font
from events.simulate.kinds import SEGMENTATION_LABELS
from events.simulate.truth import dominant_kind
from models.results import Depth, Segmentation

HEIGHT, TALL_HEIGHT, WORDS_WIDTH = 19 * GRID, 28 * GRID, 16 * GRID
TALL_FROM = 100 * GRID
"""Height of the room for picture and strip from which the strip is tall."""


class TruthStrip(QWidget):
    """Four small pictures and the agreement so far."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setObjectName("truth")
        self.setAccessibleName("Ground truth and prediction")
        self.setFixedHeight(HEIGHT)
        self.views = {
            "true_classes": PictureView("True classes", theme, "Truth: classes"),
            "said_classes": PictureView("Predicted classes", theme, "Prediction"),
            "true_depth": PictureView("True depth", theme, "Truth: depth"),
            "said_depth": PictureView("Predicted depth", theme, "Prediction"),
        }
        self.kind, self.said, self.figures = QLabel(), QLabel(), note()
        self.figures.setWordWrap(True)
        for label in (self.kind, self.said):
            label.setFont(font(11.0))
        self._lay_out()
        self.hide()

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(0)
        for widget in (head("Truth"), self.kind, head("Prediction"), self.said):
            words.addWidget(widget)
        words.addSpacing(GRID)
        words.addWidget(self.figures)
        words.addStretch()
        column = QWidget()
        column.setFixedWidth(WORDS_WIDTH)
        words.setContentsMargins(0, 0, 0, 0)
        column.setLayout(words)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 0, GRID, GRID)
        layout.setSpacing(GRID)
        layout.addWidget(column, 0, Qt.AlignmentFlag.AlignTop)
        for view in self.views.values():
            layout.addWidget(view, 100)
        layout.addStretch(1)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme

    def fit(self, room_height: int, aspect: float) -> None:
        """Take a share of the room, and no more width than pictures of ``aspect`` fill."""
        height = TALL_HEIGHT if room_height >= TALL_FROM else HEIGHT
        self.setFixedHeight(height)
        for view in self.views.values():
            view.setMaximumWidth(round((height - GRID - view.CAPTION_HEIGHT) * aspect))

    def show_compared(self, compared: Compared, range_m: tuple[float, float], name: str) -> None:
        """Show truth and prediction of one window, in the colours of the depth picture."""
        near_m, far_m = range_m
        truth, prediction = compared.truth, compared.scene.prediction
        colors = self._theme.events
        classes = Segmentation(truth.class_ids, SEGMENTATION_LABELS)
        self.views["true_classes"].show_image(segmentation_image(classes, colors=colors))
        depth = Depth(truth.depth_m)
        self.views["true_depth"].show_image(
            depth_image(depth, near_m=near_m, far_m=far_m, colors=name)
        )
        self.kind.setText(dominant_kind(truth) or "–")
        if prediction is None:
            return
        if prediction.segmentation is not None:
            image = segmentation_image(prediction.segmentation, colors=colors)
            self.views["said_classes"].show_image(image)
        if prediction.depth is not None:
            image = depth_image(prediction.depth, near_m=near_m, far_m=far_m, colors=name)
            self.views["said_depth"].show_image(image)
        if prediction.recognition is not None:
            label, score = prediction.recognition.top(1)[0]
            elided(self.said, label.replace("_", " "), WORDS_WIDTH)
            self.said.setToolTip(f"{label} {100 * score:.0f} %")
            role = {True: "good", False: "warning", None: ""}[compared.is_kind_right]
            restyle(self.said, "role", role)
        self.figures.setText(str(compared.figures).replace("   ", "\n"))
        self.figures.setToolTip(f"Agreement over {compared.figures.num_windows} windows")
