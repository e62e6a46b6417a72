"""Events from an image sequence by per-pixel contrast thresholds on log intensity.

Sources: Rebecq et al., "ESIM: an Open Event Camera Simulator", CoRL 2018 (thresholds crossed by log
intensity that is linear between frames, mismatch, refractory period); Hu et al., "v2e: From Video
Frames to Realistic DVS Events", CVPRW 2021 (leak events, shot noise that grows in the dark).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from events.packet import EVENT_DTYPE, EventArray, EventPacket, SensorSize, join_events
from events.simulate.contrast_kernels import (
    Pixels,
    cross_thresholds,
    drop_refractory,
    sort_by_bucket,
)

FloatArray = npt.NDArray[np.float32]

MIN_THRESHOLD = 0.01
"""Mismatch never brings a pixel's threshold below this."""
BRIGHT_SHOT_NOISE = 0.25
"""Shot-noise rate of a white pixel relative to a black one (v2e)."""
MAX_BUCKETS = 1 << 17
"""Longest step, in microseconds, whose events are sorted by one bucket a microsecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastConfig:
    """How a pixel turns brightness into events; the defaults are a sensor without any noise."""

    threshold_on: float = 0.25
    """Rise of log intensity per ON event."""
    threshold_off: float = 0.25
    """Fall of log intensity per OFF event."""
    threshold_sigma: float = 0.0
    """Standard deviation of both thresholds from pixel to pixel, in log intensity."""
    refractory_us: int = 0
    """A pixel's events closer than this to its last one are lost."""
    leak_rate_hz: float = 0.0
    """ON events per pixel and second where nothing changes: the reference leaks away."""
    shot_noise_rate_hz: float = 0.0
    """Noise events per black pixel and second, half ON, half OFF; a white pixel has a quarter."""
    hot_pixel_fraction: float = 0.0
    """Share of pixels that fire by themselves."""
    hot_pixel_rate_hz: float = 50.0
    """ON events per hot pixel and second."""
    has_random_phase: bool = False
    """Start each pixel somewhere between its thresholds, as a sensor that has been running, and not
    exactly at the first frame."""
    log_eps: float = 0.01
    """Added to the linear intensity before the logarithm: dark current and stray light."""

    def __post_init__(self) -> None:
        for name in ("threshold_on", "threshold_off"):
            value = getattr(self, name)
            if not MIN_THRESHOLD <= value < np.inf:
                raise ValueError(f"{name} must be at least {MIN_THRESHOLD}, got {value}")
        if not 0 < self.log_eps < np.inf:
            raise ValueError(f"log_eps must be positive, got {self.log_eps}")
        if not 0 <= self.hot_pixel_fraction <= 1:
            raise ValueError(
                f"hot_pixel_fraction must lie between 0 and 1, got {self.hot_pixel_fraction}"
            )
        rates = ("leak_rate_hz", "shot_noise_rate_hz", "hot_pixel_rate_hz")
        for name in ("threshold_sigma", "refractory_us", *rates):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} must be finite and not negative, got {value}")

    def build(self, sensor: SensorSize, seed: int) -> ContrastSimulator:
        return ContrastSimulator(sensor, self, seed)


NOISY = ContrastConfig(
    threshold_sigma=0.03,
    refractory_us=200,
    leak_rate_hz=0.1,
    shot_noise_rate_hz=1.0,
    hot_pixel_fraction=1e-4,
    has_random_phase=True,
)
"""A sensor in everyday light."""


class ContrastSimulator:
    """Turns frames, handed over one by one, into events.

    Equal sensor, config, seed and frames give equal events. Noise events do not move a pixel's
    reference, but do start its refractory period.
    """

    def __init__(self, sensor: SensorSize, config: ContrastConfig, seed: int) -> None:
        self.sensor = sensor
        self.config = config
        self._random = np.random.default_rng(seed)
        num_pixels = sensor.width * sensor.height
        self._threshold_on = self._thresholds(config.threshold_on, num_pixels)
        self._threshold_off = self._thresholds(config.threshold_off, num_pixels)
        self._reference = np.empty(num_pixels, np.float32)
        self._log = np.empty(num_pixels, np.float32)
        self._log_before = np.empty(num_pixels, np.float32)
        self._last_event_us = np.full(num_pixels, np.iinfo(np.int64).min // 2, np.int64)
        num_hot = round(config.hot_pixel_fraction * num_pixels)
        self._hot_pixels = self._random.permutation(num_pixels)[:num_hot] if num_hot else None
        self._t_us: int | None = None

    def _thresholds(self, mean: float, num_pixels: int) -> FloatArray:
        if not self.config.threshold_sigma:
            return np.full(num_pixels, mean, np.float32)
        offsets = self._random.standard_normal(num_pixels, np.float32)
        offsets *= self.config.threshold_sigma
        offsets += mean
        return np.maximum(offsets, np.float32(MIN_THRESHOLD), out=offsets)

    @property
    def t_us(self) -> int | None:
        """Time of the last frame; None before the first."""
        return self._t_us

    def step(self, frame: FloatArray, t_us: int) -> EventArray:
        """Return the events between the frame before and this one, sorted by time.

        The first frame only sets the reference and gives no events.

        Args:
            frame: (H, W) linear intensity in [0, 1], finite; left unchanged.
            t_us: Time of the frame. Events fall into [time of the frame before, t_us).

        Raises:
            ValueError: The frame's shape is not the sensor's, or time does not move forwards.
        """
        if frame.shape != (self.sensor.height, self.sensor.width):
            raise ValueError(f"frame must be (H, W) of the {self.sensor} sensor, got {frame.shape}")
        if self._t_us is not None and t_us <= self._t_us:
            raise ValueError(
                f"frames must move forwards in time, got {t_us} us after {self._t_us} us"
            )
        np.maximum(frame.reshape(-1), np.float32(0), out=self._log)
        self._log += np.float32(self.config.log_eps)
        np.log(self._log, out=self._log)
        start_us, self._t_us = self._t_us, t_us
        if start_us is None:
            self._set_reference()
            events: EventArray = np.empty(0, EVENT_DTYPE)
        else:
            events = self._events(frame.reshape(-1), start_us, t_us - start_us)
        self._log, self._log_before = self._log_before, self._log
        return events

    def _set_reference(self) -> None:
        self._reference[:] = self._log
        if self.config.has_random_phase:
            phase = self._random.random(len(self._log), np.float32)
            self._reference += phase * (self._threshold_on + self._threshold_off)
            self._reference -= self._threshold_on

    def _events(self, intensity: FloatArray, start_us: int, duration_us: int) -> EventArray:
        noise_offsets, noise_words = self._noise(intensity, duration_us)
        pixels = Pixels(
            self._log_before, self._log, self._reference, self._threshold_on, self._threshold_off
        )
        offsets, words, num_events = cross_thresholds(
            pixels,
            np.float32(self.config.leak_rate_hz * duration_us * 1e-6),
            duration_us,
            self.sensor.width,
            noise_offsets,
            noise_words,
        )
        offsets, words = offsets[:num_events], words[:num_events]
        if duration_us <= MAX_BUCKETS:
            records = sort_by_bucket(offsets, words, start_us, duration_us)
        else:
            order = np.argsort(offsets, kind="stable")
            records = np.stack((offsets[order] + start_us, words[order]), axis=1)
        if self.config.refractory_us:
            num_kept = drop_refractory(
                records, self._last_event_us, self.config.refractory_us, self.sensor.width
            )
            records = records[:num_kept]
        return records.reshape(-1).view(EVENT_DTYPE)

    def _noise(
        self, intensity: FloatArray, duration_us: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return offsets in time (N,) and event words (N,) of shot noise and hot pixels."""
        pixels: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
        polarities: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
        rate_hz, duration_s = self.config.shot_noise_rate_hz, duration_us * 1e-6
        if rate_hz:
            num = self._random.poisson(rate_hz * duration_s * len(intensity))
            pixel = self._random.integers(0, len(intensity), num)
            # thinning: a candidate at the darkest pixel's rate is kept with the pixel's own share
            share = 1 - (1 - BRIGHT_SHOT_NOISE) * np.minimum(intensity[pixel], 1)
            pixel = pixel[self._random.random(num) < share]
            pixels.append(pixel)
            polarities.append(self._random.integers(0, 2, len(pixel)))
        if self._hot_pixels is not None:
            hot = self._hot_pixels
            num = self._random.poisson(self.config.hot_pixel_rate_hz * duration_s * len(hot))
            pixels.append(hot[self._random.integers(0, len(hot), num)])
            polarities.append(np.ones(num, np.int64))
        pixel, polarity = np.concatenate(pixels), np.concatenate(polarities)
        y, x = np.divmod(pixel, self.sensor.width)
        words = x | y << 16 | polarity << 32
        return self._random.integers(0, duration_us, len(pixel)), words


def events_from_frames(
    frames: FloatArray,
    times_us: npt.ArrayLike,
    config: ContrastConfig,
    seed: int,
) -> EventPacket:
    """Return the events of an image sequence as one packet over [first time, last time).

    Args:
        frames: (T, H, W) linear intensity in [0, 1].
        times_us: (T,) times of the frames in microseconds, increasing.
        config: Thresholds and noise.
        seed: Of mismatch and noise.

    Raises:
        ValueError: There is no frame, or ``times_us`` does not match or does not increase.
    """
    times = np.asarray(times_us, np.int64)
    if not len(frames) or times.shape != (len(frames),):
        raise ValueError(
            f"need one time for each of 1 or more frames, got {times.shape} times "
            f"for {len(frames)} frames"
        )
    sensor = SensorSize(frames.shape[2], frames.shape[1])
    simulator = ContrastSimulator(sensor, config, seed)
    parts = [simulator.step(frame, int(t)) for frame, t in zip(frames, times, strict=True)]
    return EventPacket(join_events(parts), sensor, int(times[0]), int(times[-1]))
