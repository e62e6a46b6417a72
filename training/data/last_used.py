"""What was made last, kept by each process for itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class LastUsed(Generic[T]):
    """A function whose last results are kept. Pickled, as it is for a worker, it has kept none.

    ``functools.lru_cache`` around a method keeps as well, but cannot be pickled.

    Args:
        make: What makes them; a method or a function of a module, so that it can be pickled.
        most: The result that was not used the longest is let go of where there would be more.
    """

    def __init__(self, make: Callable[..., T], most: int) -> None:
        self._make, self._most = make, most
        self._kept = lru_cache(maxsize=most)(make)

    def __call__(self, *key: Hashable) -> T:
        """Return what ``make`` returns of these arguments."""
        return self._kept(*key)

    def __getstate__(self) -> dict[str, Any]:
        return {"make": self._make, "most": self._most}

    def __setstate__(self, state: dict[str, Any]) -> None:
        LastUsed.__init__(self, **state)
