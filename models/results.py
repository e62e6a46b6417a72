"""What an engine says of one window, decoded from its raw outputs; numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from events.representations.letterbox import Letterbox


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """Class probabilities of one window."""

    scores: npt.NDArray[np.float32]
    """(K,) probabilities that sum to 1."""
    labels: tuple[str, ...]
    """K names."""

    def top(self, num: int = 5) -> list[tuple[str, float]]:
        """Return the ``num`` likeliest labels with their probabilities, best first."""
        order = np.argsort(-self.scores, kind="stable")[:num]
        return [(self.labels[i], float(self.scores[i])) for i in order]


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """One class for each pixel of the sensor."""

    class_ids: npt.NDArray[np.uint8]
    """(H, W) indices into ``labels``, at the sensor's resolution."""
    labels: tuple[str, ...]

    def fractions(self) -> dict[str, float]:
        """Return each present label's share of the pixels, largest first."""
        counts = np.bincount(self.class_ids.ravel(), minlength=len(self.labels))
        order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
        return {self.labels[i]: float(counts[i] / self.class_ids.size) for i in order}


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """Distance along the optical axis for each pixel of the sensor."""

    depth_m: npt.NDArray[np.float32]
    """(H, W) metres, positive and finite, at the sensor's resolution."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenMap:
    """What a bare encoder says: one feature vector for each cell of its input."""

    features: npt.NDArray[np.float32]
    """(D, h, w), at the network's own resolution."""
    letterbox: Letterbox
    """Where the sensor's pixels lie in the network's input, of which h and w are divisors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Everything one engine pass said; a task that the engine does not have is None."""

    recognition: Recognition | None = None
    segmentation: Segmentation | None = None
    depth: Depth | None = None
    tokens: TokenMap | None = None
