"""Frames of a video by number: looked up in the file's own index, and nothing kept of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import av.error
import numpy as np
import numpy.typing as npt


class VideoError(Exception):
    """A video cannot be read; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A video whose frames' times are known."""

    path: Path
    times: tuple[int, ...]
    """When each frame is shown, in the file's own unit, in order."""
    interval_us: float
    """Median time between frames."""

    @classmethod
    def open(cls, path: Path) -> Video:
        """Read the times of all frames, without decoding any.

        Raises:
            VideoError: it is no video of two frames.
        """
        try:
            with av.open(str(path)) as container:
                if not container.streams.video:
                    raise VideoError("holds no video")
                stream = container.streams.video[0]
                packets = container.demux(stream)
                times = sorted({each.pts for each in packets if each.pts is not None})
                unit_us = float(stream.time_base or 0) * 1e6
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise VideoError(f"cannot be read: {error}") from None
        if len(times) < 2 or not unit_us:
            raise VideoError(f"holds {len(times)} frames with a time, 2 are the least")
        interval = float(np.median([after - before for before, after in pairwise(times)]))
        return cls(path=path, times=tuple(times), interval_us=interval * unit_us)

    @property
    def num_frames(self) -> int:
        return len(self.times)

    def frames(self, first: int, num_frames: int) -> list[npt.NDArray[np.uint8]]:
        """Return frames ``first``, ``first + 1``..., each (h, w, 3) RGB.

        Raises:
            VideoError: one of them does not decode.
        """
        wanted = self.times[first : first + num_frames]
        found: dict[int, npt.NDArray[np.uint8]] = {}
        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                if first:
                    container.seek(wanted[0], stream=stream)
                for frame in container.decode(stream):
                    if frame.pts is not None and frame.pts >= wanted[0]:
                        found[frame.pts] = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                    if frame.pts is not None and frame.pts >= wanted[-1]:
                        break
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise VideoError(f"cannot be decoded: {error}") from None
        missing = [time for time in wanted if time not in found]
        if missing:
            raise VideoError(f"has {len(missing)} frames from frame {first} on that do not decode")
        return [found[time] for time in wanted]

    def problem(self) -> str:
        """Decode everything; return what is wrong, or nothing."""
        try:
            with av.open(str(self.path)) as container:
                num_decoded = sum(1 for _ in container.decode(container.streams.video[0]))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            return f"cannot be decoded: {error}"
        if num_decoded < self.num_frames:
            return f"has {self.num_frames} frames of which {num_decoded} decode"
        return ""
