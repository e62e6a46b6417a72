"""A rendered instant of a synthetic scene with its ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from events.simulate.kinds import SEGMENTATION_LABELS

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Frame:
    """What a perfect camera would see, and what is really there; all (H, W)."""

    intensity: FloatArray
    """Linear, in [0, 1]."""
    depth_m: FloatArray
    """Metres along the optical axis, finite everywhere."""
    class_ids: npt.NDArray[np.uint8]
    """Indices into SEGMENTATION_LABELS."""
    object_ids: npt.NDArray[np.uint8]
    """0 where there is no object, else 1 for the scene's first."""


def dominant_kind(frame: Frame, min_fraction: float = 0.0) -> str | None:
    """Return the kind of the object that covers most pixels; None if none, or too small a part.

    Args:
        frame: With ground truth.
        min_fraction: Share of the picture that the object must cover.
    """
    counts = np.bincount(frame.object_ids.reshape(-1), minlength=2)[1:]
    largest = int(counts.argmax()) + 1
    if counts[largest - 1] <= min_fraction * frame.object_ids.size:
        return None
    first = int((frame.object_ids.reshape(-1) == largest).argmax())
    return SEGMENTATION_LABELS[int(frame.class_ids.reshape(-1)[first])]
