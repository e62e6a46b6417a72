"""Video: a frame for each scene - classes over events, depth or tokens beside, the label below."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np

from app.caption import caption
from app.render import Image, accumulated_image, depth_image, overlay_segmentation, side_by_side
from app.scene import Scene
from app.token_view import TokenView

CODEC = "libx264"
OPTIONS = {"preset": "veryfast", "bf": "0"}
"""No frames out of order: before a gap, the film would be said to end."""
TICK_US = 10
"""Unit of time for frames at any distance: finer, and mp4 could hold no gap of an hour."""


def picture(scene: Scene, depth_range_m: tuple[float, float], view: TokenView) -> Image:
    """Return a scene as one picture: events under classes, depth or tokens if any, a caption.

    Args:
        scene: What to show.
        depth_range_m: Of the depth's colours.
        view: Of the whole film, so that tokens keep their colours.
    """
    prediction = scene.prediction
    events = accumulated_image(scene.packet)
    panels = [events]
    label = ""
    if prediction and prediction.segmentation:
        overlay_segmentation(events, prediction.segmentation)
    if prediction and prediction.depth:
        near_m, far_m = depth_range_m
        panels.append(depth_image(prediction.depth, near_m=near_m, far_m=far_m))
    if prediction and prediction.tokens:
        panels.append(view.paint(prediction.tokens).image)
        label = f"components of {len(prediction.tokens.features)}-d tokens"
    if prediction and prediction.recognition:
        name, score = prediction.recognition.top(1)[0]
        label = f"{name} {score:.0%}"
    image = side_by_side(panels)
    words = caption(f"{scene.packet.end_us / 1e6:.3f} s   {label}", image.shape[1])
    return np.concatenate([image, words])


class VideoWriter:
    """Writes pictures of one size as H.264; the file gets its name when it is complete.

    Leaving the ``with`` block normally completes the film. An exception, Ctrl-C too, cuts it short:
    what there is of it is kept as NAME.partial.mp4, where nobody takes it for the whole.

    Args:
        path: The .mp4 file.
        frame_us: Event time from one frame to the next; playing takes as long as the events did.
        report: Takes one line where the film was cut short.
        tick_us: Unit of the frames' times, where they come at any distance; default: ``frame_us``.
    """

    def __init__(
        self,
        path: Path,
        frame_us: int,
        report: Callable[[str], None],
        tick_us: int | None = None,
    ) -> None:
        self._path = path
        self._report = report
        self._part = path.with_name(f".{path.name}.part")
        self._frame_us = frame_us
        self._tick_us = tick_us or frame_us
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._zero_us = self._last_us = 0
        """Event time of the film's beginning, and of its last frame."""
        self._last_pts = -1

    def __enter__(self) -> Self:
        """Create the file.

        Raises:
            OSError: it cannot be written there.
        """
        with _naming(self._path):
            self._container = av.open(os.fspath(self._part), "w", format="mp4")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            with _naming(self._path):
                self._finish(is_whole=kind is None)
        except OSError:
            if kind is None:  # else what cut the film short is the error to tell
                raise

    def _finish(self, *, is_whole: bool) -> None:
        """Complete the file and give it its name; without a frame there is none."""
        assert self._container is not None
        try:
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            if self._stream is not None and is_whole:
                os.replace(self._part, self._path)
            elif self._stream is not None:
                partial = self._path.with_suffix(f".partial{self._path.suffix}")
                os.replace(self._part, partial)
                self._report(f"{self._path} was cut short: what there is of it is {partial}")
        finally:
            self._part.unlink(missing_ok=True)

    def write(self, image: Image, start_us: int) -> None:
        """Add a frame.

        Args:
            image: (H, W, 3) RGB, always of the same size.
            start_us: Event time of the frame; one of the same time, or where time ran backwards,
                follows at once.

        Raises:
            OSError: the disk is full or gone.
        """
        height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2  # 4:2:0 needs even sides
        stream = self._stream or self._open(width, height)
        if self._last_pts < 0 or start_us < self._last_us:
            self._zero_us = start_us - (self._last_pts + 1) * self._tick_us
        pts = max(self._last_pts + 1, round((start_us - self._zero_us) / self._tick_us))
        self._last_us, self._last_pts = start_us, pts
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(image[:height, :width]), format="rgb24"
        )
        frame.pts = pts
        frame.time_base = Fraction(self._tick_us, 1_000_000)
        assert self._container is not None
        with _naming(self._path):
            self._container.mux(stream.encode(frame))

    def _open(self, width: int, height: int) -> av.VideoStream:
        assert self._container is not None
        rate = Fraction(1_000_000, self._frame_us)
        stream = self._container.add_stream(CODEC, rate=rate, options=OPTIONS)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(self._tick_us, 1_000_000)
        stream.codec_context.thread_count = 1
        self._stream = stream
        return stream


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the film in an error of writing it: FFmpeg's names no file, or a passing one."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
