"""What a bare encoder's tokens look like at the sensor's resolution, window after window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.colormaps import colormap
from app.render import Image
from app.render_kernels import paint_plane, paint_values
from models.results import TokenMap
from models.token_pictures import (
    FloatArray,
    TokenColors,
    fit_colors,
    follow_colors,
    similarity_map,
)

MAX_FIRST_TOKENS = 256
"""Tokens that the first window's components are computed of: more would hold up the window."""
MAX_FOLLOWED_TOKENS = 1200
RATE = 0.1
"""How fast colours follow the stream, a window."""
MAX_LOW = 0.98
"""Stretched colours span at least from here to 1: what is alike to a hair stays of one colour."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenPicture:
    """One window's tokens as a picture."""

    image: Image
    """(H, W, 3) at the sensor's resolution."""
    cosine: FloatArray | None
    """(H, W) likeness in [-1, 1] to the anchor's token; None where components are shown."""
    low: float = -1.0
    """Cosine of the colour map's first colour; its last is 1."""
    extremes: tuple[float, float] = (-1.0, 1.0)
    """Least and greatest cosine."""


class TokenView:
    """Paints the token maps of one stream; one thread at a time.

    Without an anchor it shows three principal components as red, green and blue, which follow the
    stream slowly, so that what looks alike keeps its colour; with one, each pixel's likeness to the
    token at the anchor. Between tokens' centres both are interpolated.
    """

    def __init__(self) -> None:
        self._anchor: tuple[int, int] | None = None
        self._colors: TokenColors | None = None
        self._followed: TokenMap | None = None
        self._low: float | None = None

    @property
    def anchor(self) -> tuple[int, int] | None:
        """(x, y) pixel of the sensor that tokens are compared to."""
        return self._anchor

    def set_anchor(self, anchor: tuple[int, int] | None) -> None:
        """Show likeness to the token at a pixel, or components."""
        self._anchor, self._low = anchor, None

    def forget(self) -> None:
        """Begin anew: another stream or another encoder."""
        self._colors = self._followed = None
        self.set_anchor(None)

    def paint(
        self, tokens: TokenMap, colors: str = "turbo", *, stretches: bool = False
    ) -> TokenPicture:
        """Return the picture of a window.

        Args:
            tokens: The window's.
            colors: Of likeness, one of app.colormaps.COLORMAPS.
            stretches: Whether they span the least likeness of late to 1, instead of -1 to 1.
        """
        is_new = tokens is not self._followed
        if is_new:
            self._follow(tokens)
        if self._anchor is None:
            return TokenPicture(image=self._components(tokens), cosine=None)
        cosine = likeness(tokens, *self._anchor)
        extremes = float(cosine.min()), float(cosine.max())
        if is_new or self._low is None:
            least = min(extremes[0], MAX_LOW)
            self._low = least if self._low is None else self._low + RATE * (least - self._low)
        low = self._low if stretches else -1.0
        image = likeness_image(cosine, colors, low)
        return TokenPicture(image=image, cosine=cosine, low=low, extremes=extremes)

    def _follow(self, tokens: TokenMap) -> None:
        """Let the colours follow a map, whether they are shown or not."""
        self._followed = tokens
        features = content(tokens)
        if self._colors is None or len(self._colors.mean_D) != len(features):
            self._colors = fit_colors(sample(features, MAX_FIRST_TOKENS))
        self._colors = follow_colors(sample(features, MAX_FOLLOWED_TOKENS), self._colors, RATE)

    def _components(self, tokens: TokenMap) -> Image:
        assert self._colors is not None
        shares = self._colors.paint(tokens.features)
        sensor = tokens.letterbox.sensor
        image = np.empty((sensor.height, sensor.width, 3), np.uint8)
        for i in range(3):
            paint_plane(tokens.letterbox.to_sensor_image(shares[:, :, i]), i, image)
        return image


def content(tokens: TokenMap) -> FloatArray:
    """Return the (D, h, w) tokens that see some of the sensor, without the letterbox's margins."""
    box, (height, width) = tokens.letterbox, tokens.features.shape[1:]
    rows = _cells(box.content.top, box.content.height, box.height // height)
    columns = _cells(box.content.left, box.content.width, box.width // width)
    return tokens.features[:, rows, columns]


def _cells(first: int, num: int, stride: int) -> slice:
    return slice(first // stride, (first + num - 1) // stride + 1)


def sample(features: FloatArray, most: int) -> FloatArray:
    """Return every n-th row and column of a (D, h, w) map: at most ``most`` tokens."""
    step = 1
    while features[0, ::step, ::step].size > most:
        step += 1
    return features[:, ::step, ::step]


def likeness(tokens: TokenMap, x: int, y: int) -> FloatArray:
    """Return (H, W) the cosine of each pixel's tokens to the token at pixel (x, y).

    Raises:
        ValueError: the pixel lies outside the sensor.
    """
    box, (height, width) = tokens.letterbox, tokens.features.shape[1:]
    if not (0 <= x < box.sensor.width and 0 <= y < box.sensor.height):
        raise ValueError(f"the anchor must lie in the {box.sensor} pixels, got ({x}, {y})")
    row = int(box.y_lut[y]) // (box.height // height)
    column = int(box.x_lut[x]) // (box.width // width)
    return box.to_sensor_image(similarity_map(tokens.features, row, column))


def likeness_image(cosine: FloatArray, colors: str, low: float = -1.0) -> Image:
    """Return (H, W, 3) colours of cosines: the table's first at ``low``, its last at 1."""
    image = np.empty((*cosine.shape, 3), np.uint8)
    paint_values(cosine, low, 1.0, colormap(colors), image)
    return image
