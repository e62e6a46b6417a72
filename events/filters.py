"""Denoising filters: from packets to packets with fewer events, with count of what they remove."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from events.filter_kernels import count_pixels, keep_supported, keep_unmasked, keep_unrefractory
from events.packet import EVENT_DTYPE, NEVER_US, EventPacket, SensorSize

Words = npt.NDArray[np.int64]

LIMITS: dict[str, tuple[float, float]] = {
    "duration_us": (1, 10_000_000),
    "period_us": (1, 10_000_000),
    "learn_us": (10_000, 60_000_000),
    "ratio": (1, 1_000_000),
    "min_rate_hz": (0, 1_000_000),
}
"""Least and greatest of what the configurations below may say."""


@runtime_checkable
class Filter(Protocol):
    """Takes the packets of a stream in order; starts anew by itself at a jump or another sensor."""

    @property
    def num_seen(self) -> int:
        """Events taken since the last ``reset``."""
        ...

    @property
    def num_removed(self) -> int:
        """Those of them that were not passed on."""
        ...

    def apply(self, packet: EventPacket) -> EventPacket:
        """Return the packet without what is noise: the same span, sensor and losses."""
        ...

    def reset(self) -> None:
        """Forget everything, the counts too."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundActivityConfig:
    """Events need company: a real edge passes over neighbours, noise comes alone."""

    duration_us: int = 2_000
    """An event stays if one of its 8 neighbours had an event less than this ago."""

    def __post_init__(self) -> None:
        _check(self)

    def build(self) -> BackgroundActivity:
        return BackgroundActivity(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefractoryConfig:
    """A pixel rests after each event that stays: thins out bursts and flicker."""

    period_us: int = 250
    """An event stays if its pixel's last one that stayed is at least this old."""

    def __post_init__(self) -> None:
        _check(self)

    def build(self) -> Refractory:
        return Refractory(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class HotPixelsConfig:
    """Pixels that fire far more than those around them are broken, and masked."""

    learn_us: int = 1_000_000
    """Events are counted for so long; then the mask is renewed, again and again."""
    ratio: float = 10.0
    """A hot pixel has more than this many times the events of the average of the 24 around it..."""
    min_rate_hz: float = 20.0
    """...and fires more often than this."""

    def __post_init__(self) -> None:
        _check(self)

    def build(self) -> HotPixels:
        return HotPixels(self)


FilterConfig = BackgroundActivityConfig | RefractoryConfig | HotPixelsConfig


def _check(config: FilterConfig) -> None:
    """Raise ValueError where a value is out of its limits."""
    for field in fields(config):
        value, (least, greatest) = getattr(config, field.name), LIMITS[field.name]
        if not least <= value <= greatest:
            raise ValueError(
                f"{field.name} must lie between {least:,} and {greatest:,}, got {value}"
            )


@dataclass(slots=True)
class _Progress:
    """What all filters keep: counts, and where the stream stands."""

    num_seen: int = 0
    num_removed: int = 0
    sensor: SensorSize | None = None
    end_us: int = 0

    def follows(self, packet: EventPacket) -> bool:
        """Return whether ``packet`` continues the stream, and move on to its end."""
        is_next = packet.sensor == self.sensor and packet.start_us == self.end_us
        self.sensor, self.end_us = packet.sensor, packet.end_us
        return is_next

    def pass_on(self, packet: EventPacket, kept: Words, num_kept: int) -> EventPacket:
        """Return the first ``num_kept`` of ``kept`` as a packet like ``packet``, and count."""
        self.num_seen += len(packet)
        self.num_removed += len(packet) - num_kept
        if num_kept == len(packet):
            return packet
        events = kept[:num_kept].view(EVENT_DTYPE).reshape(-1)
        return EventPacket(events, packet.sensor, packet.start_us, packet.end_us, packet.num_lost)


class _Counted:
    """The counting half of the Filter contract."""

    def __init__(self) -> None:
        self._progress = _Progress()

    @property
    def num_seen(self) -> int:
        return self._progress.num_seen

    @property
    def num_removed(self) -> int:
        return self._progress.num_removed

    def reset(self) -> None:
        self._progress = _Progress()


class BackgroundActivity(_Counted):
    """Removes events without a recent one in the pixels around them.

    Source: Delbruck, "Frame-free dynamic digital vision", 2008.
    """

    def __init__(self, config: BackgroundActivityConfig = BackgroundActivityConfig()) -> None:
        super().__init__()
        self.config = config

    def apply(self, packet: EventPacket) -> EventPacket:
        if not self._progress.follows(packet):
            shape = (packet.sensor.height + 2, packet.sensor.width + 2)  # a rim without events
            self._newest_us = np.full(shape, NEVER_US, np.int64)
        kept = np.empty_like(packet.words)
        num_kept = keep_supported(packet.words, self.config.duration_us, self._newest_us, kept)
        return self._progress.pass_on(packet, kept, num_kept)


class Refractory(_Counted):
    """Removes events that come too soon after the last one that stayed at the same pixel."""

    def __init__(self, config: RefractoryConfig = RefractoryConfig()) -> None:
        super().__init__()
        self.config = config

    def apply(self, packet: EventPacket) -> EventPacket:
        if not self._progress.follows(packet):
            shape = (packet.sensor.height, packet.sensor.width)
            self._newest_us = np.full(shape, NEVER_US, np.int64)
        kept = np.empty_like(packet.words)
        num_kept = keep_unrefractory(packet.words, self.config.period_us, self._newest_us, kept)
        return self._progress.pass_on(packet, kept, num_kept)


class HotPixels(_Counted):
    """Learns which pixels are hot and removes their events, none before it has learnt.

    The mask outlives jumps, as it tells of the sensor and not of the scene.
    """

    def __init__(self, config: HotPixelsConfig = HotPixelsConfig()) -> None:
        super().__init__()
        self.config = config
        self._mask = np.zeros((0, 0), np.bool_)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """(H, W) True where a pixel is hot; (0, 0) before the first packet."""
        return self._mask

    def reset(self) -> None:
        super().reset()
        self._mask = np.zeros((0, 0), np.bool_)

    def apply(self, packet: EventPacket) -> EventPacket:
        shape = (packet.sensor.height, packet.sensor.width)
        if not self._progress.follows(packet):
            self._counts = np.zeros(shape, np.int32)
            self._learning_from_us = packet.start_us
        if self._mask.shape != shape:
            self._mask = np.zeros(shape, np.bool_)
        kept = np.empty_like(packet.words)
        num_kept, rest = 0, packet
        # To the microsecond: else the speed of a replay, which cuts packets, would change a mask.
        while (until_us := self._learning_from_us + self.config.learn_us) <= rest.end_us:
            num_kept += self._keep(rest.between(rest.start_us, until_us), kept[num_kept:])
            self._mask = hot_pixels(self._counts, self.config.learn_us, self.config)
            self._counts[:] = 0
            self._learning_from_us = until_us
            rest = rest.between(until_us, rest.end_us)
        num_kept += self._keep(rest, kept[num_kept:])
        return self._progress.pass_on(packet, kept, num_kept)

    def _keep(self, packet: EventPacket, kept: Words) -> int:
        """Count a packet's events and copy those that stay; return how many that are."""
        count_pixels(packet.words, self._counts)
        return keep_unmasked(packet.words, self._mask, kept)


def hot_pixels(
    counts: npt.NDArray[np.int32], duration_us: int, config: HotPixelsConfig
) -> npt.NDArray[np.bool_]:
    """Return the (H, W) mask of hot pixels from (H, W) event counts of ``duration_us``."""
    height, width = counts.shape
    padded = np.pad(counts.astype(np.float64), 2)
    columns = np.add.reduce([padded[:, i : i + width] for i in range(5)])
    summed = np.add.reduce([columns[i : i + height] for i in range(5)])
    num_around = np.outer(_num_in_reach(height), _num_in_reach(width)) - 1
    around = (summed - counts) / np.maximum(num_around, 1)
    min_count = config.min_rate_hz * duration_us * 1e-6
    mask: npt.NDArray[np.bool_] = (counts > config.ratio * around) & (counts > min_count)
    return mask


def _num_in_reach(size: int) -> npt.NDArray[np.int64]:
    """Return how many of 5 adjacent places around each of ``size`` exist."""
    place = np.arange(size)
    return np.minimum(place + 2, size - 1) - np.maximum(place - 2, 0) + 1


@dataclass(frozen=True, slots=True)
class Preview:
    """Event rates before and after filters, in events per second."""

    before_hz: float
    after_hz: float

    def __str__(self) -> str:
        return f"{self.before_hz * 1e-6:.2f}→{self.after_hz * 1e-6:.2f} Mev/s"


def preview(configs: Iterable[FilterConfig], packets: Iterable[EventPacket]) -> Preview:
    """Return what filters would do to ``packets``, without touching filters in use."""
    filters = [config.build() for config in configs]
    before = after = duration_us = 0
    for packet in packets:
        before += len(packet)
        duration_us += packet.duration_us
        for step in filters:
            packet = step.apply(packet)
        after += len(packet)
    per_second = 1e6 / max(duration_us, 1)
    return Preview(before * per_second, after * per_second)
