"""Caption: a line of words as a picture, for films."""

from __future__ import annotations

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from app.render import EventColors, Image

HEIGHT = 24
INK = (230, 237, 243)


def caption(text: str, width: int) -> Image:
    """Return ``text`` on the pictures' background, (24, width, 3); what is too long is cut off."""
    line = PillowImage.new("RGB", (width, HEIGHT), EventColors().background)
    ImageDraw.Draw(line).text((8, 6), text, fill=INK)
    return np.asarray(line)
