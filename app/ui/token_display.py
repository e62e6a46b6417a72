"""TokenDisplay: a bare encoder's tokens over the events, and the point they are compared to."""

from __future__ import annotations

from collections.abc import Callable

from app.render import EventColors, Image, overlay_picture
from app.token_view import TokenPicture, TokenView
from app.ui.picture_view import PictureView
from app.ui.settings import Preferences
from app.ui.token_legend import Likeness, TokenLegend, cosine_text
from models.results import TokenMap


class TokenDisplay:
    """Lays tokens over the picture; clicks there choose the point. All in the GUI's thread.

    Args:
        picture: Where the events are shown.
        legend: What says what the colours mean.
        redraw: Called when the picture must change though no window came.
    """

    def __init__(
        self, picture: PictureView, legend: TokenLegend, redraw: Callable[[], None]
    ) -> None:
        self._picture, self._legend, self._redraw = picture, legend, redraw
        self._view = TokenView()
        self._painted: TokenPicture | None = None
        self._painted_of: tuple[object, ...] = ()
        self._tokens: TokenMap | None = None
        self._colormap = "turbo"
        self._cursor: tuple[int, int] | None = None
        picture.point_picked.connect(self._take_anchor)
        picture.point_dropped.connect(self.drop_anchor)
        picture.pointed_at.connect(self._follow_cursor)

    @property
    def anchor(self) -> tuple[int, int] | None:
        """(x, y) pixel of the sensor that tokens are compared to; None shows components."""
        return self._view.anchor

    def forget(self) -> None:
        """Begin anew: another source, or another engine."""
        self._view.forget()
        self._tokens = self._cursor = None
        self.hide()

    def hide(self) -> None:
        """Show no tokens, and take no points."""
        self._painted, self._painted_of = None, ()
        self._picture.set_takes_points(False)
        self._picture.show_mark(None)
        self._picture.show_readout("")

    def lay_over(
        self, image: Image, tokens: TokenMap, preferences: Preferences, colors: EventColors
    ) -> None:
        """Blend a window's tokens into a picture of its events, in place."""
        stretches = preferences.stretches_likeness
        key = (tokens, self.anchor, preferences.colormap, stretches)
        self._tokens, self._colormap = tokens, preferences.colormap
        if key != self._painted_of or self._painted is None:
            self._painted_of = key
            self._painted = self._view.paint(tokens, preferences.colormap, stretches=stretches)
        if self._painted.image.shape != image.shape:  # the sensor changed, its first window waits
            return
        overlay_picture(image, self._painted.image, opacity=preferences.opacity, colors=colors)
        self._picture.set_takes_points(True)
        self._picture.show_mark(self.anchor)
        self._explain()

    def drop_anchor(self) -> None:
        """Show components again."""
        self._view.set_anchor(None)
        self._redraw()

    def _take_anchor(self, x: int, y: int) -> None:
        self._view.set_anchor((x, y))
        self._cursor = (x, y)  # another sensor's picture may have come under a still mouse
        self._redraw()

    def _follow_cursor(self, point: tuple[int, int] | None) -> None:
        self._cursor = point
        self._explain()

    def _explain(self) -> None:
        """Say what is shown, and the value under the cursor."""
        if self._tokens is None or self._painted is None:
            return
        cosine, likeness, at_cursor = self._painted.cosine, None, None
        if cosine is not None and self.anchor is not None:
            if self._cursor is not None:
                at_cursor = float(cosine[self._cursor[1], self._cursor[0]])
            likeness = Likeness(
                anchor=self.anchor,
                low=self._painted.extremes[0],
                high=self._painted.extremes[1],
                first_color=self._painted.low,
                at_cursor=at_cursor,
            )
        self._picture.show_readout("" if at_cursor is None else cosine_text(at_cursor))
        width, rows, columns = self._tokens.features.shape
        self._legend.show_tokens((width, rows, columns), likeness, self._colormap)
