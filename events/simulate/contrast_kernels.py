"""Compiled loops of the contrast simulator: find crossings, sort them, drop refractory ones."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class Pixels(NamedTuple):
    """State of all pixels, (N,) each, in log intensity."""

    log_before: FloatArray
    log_after: FloatArray
    reference: FloatArray
    threshold_on: FloatArray
    threshold_off: FloatArray


@numba.njit(nogil=True, cache=True)
def cross_thresholds(
    pixels: Pixels,
    leak: np.float32,
    duration_us: int,
    width: int,
    noise_offsets: IntArray,
    noise_words: IntArray,
) -> tuple[IntArray, IntArray, int]:
    """Return time offsets and words of all crossings after the noise events, in order of pixels.

    Log intensity is linear between both frames; the reference is moved in place. ``leak`` is how
    many ON thresholds the reference falls in this step.

    Returns:
        Two arrays with room to spare, and how many entries of them count.
    """
    reference = pixels.reference
    num_events = len(noise_offsets)
    offsets = _grown(noise_offsets, num_events, max(4 * num_events, 1 << 14))
    words = _grown(noise_words, num_events, len(offsets))
    for i in range(len(reference)):
        leaked = leak * pixels.threshold_on[i]
        after = pixels.log_after[i] - reference[i] + leaked
        if leak:
            reference[i] -= leaked
        if after >= pixels.threshold_on[i]:
            threshold, polarity = pixels.threshold_on[i], 1
        elif after <= -pixels.threshold_off[i]:
            threshold, polarity = -pixels.threshold_off[i], 0
        else:
            continue
        before = pixels.log_before[i] - reference[i] - leaked
        num_crossings = int(after / threshold)
        reference[i] += num_crossings * threshold
        word = np.int64(i % width) | np.int64(i // width) << 16 | np.int64(polarity) << 32
        if num_events + num_crossings > len(offsets):
            offsets = _grown(offsets, num_events, 2 * (num_events + num_crossings))
            words = _grown(words, num_events, len(offsets))
        for k in range(1, num_crossings + 1):
            fraction = np.float32(0)  # a pixel that started beyond its threshold fires at once
            if after != before:
                fraction = (k * threshold - before) / (after - before)
            offset = np.int64(max(fraction, np.float32(0)) * duration_us)
            offsets[num_events] = offset if offset < duration_us else duration_us - 1
            words[num_events] = word
            num_events += 1
    return offsets, words, num_events


@numba.njit(nogil=True, cache=True)
def _grown(values: IntArray, num: int, capacity: int) -> IntArray:
    """Return an array of ``capacity`` that begins with the first ``num`` of ``values``."""
    larger = np.empty(capacity, np.int64)
    larger[:num] = values[:num]
    return larger


@numba.njit(nogil=True, cache=True)
def sort_by_bucket(
    offsets: IntArray, words: IntArray, start_us: int, duration_us: int
) -> npt.NDArray[np.int64]:
    """Return (N, 2) records of EVENT_DTYPE as int64 pairs, stably sorted by ``offsets``."""
    position = np.zeros(duration_us + 1, np.int64)
    for i in range(len(offsets)):
        position[offsets[i] + 1] += 1
    for bucket in range(1, duration_us + 1):
        position[bucket] += position[bucket - 1]
    records = np.empty((len(offsets), 2), np.int64)
    for i in range(len(offsets)):
        place = position[offsets[i]]
        position[offsets[i]] = place + 1
        records[place, 0] = start_us + offsets[i]
        records[place, 1] = words[i]
    return records


@numba.njit(nogil=True, cache=True)
def drop_refractory(
    records: npt.NDArray[np.int64], last_event_us: IntArray, refractory_us: int, width: int
) -> int:
    """Move events outside their pixel's refractory period to the front; return how many."""
    num_kept = 0
    for i in range(len(records)):
        t, word = records[i, 0], records[i, 1]
        pixel = (word >> 16 & 0xFFFF) * width + (word & 0xFFFF)
        if t - last_event_us[pixel] < refractory_us:
            continue
        last_event_us[pixel] = t
        records[num_kept, 0] = t
        records[num_kept, 1] = word
        num_kept += 1
    return num_kept
