from __future__ import annotations

import numpy as np
import pytest

from events.packet import EventPacket, SensorSize, pack_events
from events.representations.count_map import CountMapSpec, count_map, published, video_count_map

SENSOR = SensorSize(3, 1)


def packet_of(pixels: list[int], polarities: list[int]) -> EventPacket:
    num = len(pixels)
    events = pack_events(np.arange(num), pixels, np.zeros(num), polarities)
    return EventPacket(events, SENSOR, 0, 1000)


PACKET = packet_of([0, 0, 0, 1, 1, 0], [1, 1, 1, 1, 0, 0])


def test_the_papers_form_is_all_events_over_the_largest_count_plus_one() -> None:
    image = count_map(PACKET, CountMapSpec(form="paper"))
    assert image.shape == (3, 1, 3)
    for plane in image:
        assert plane[0] == pytest.approx([4 / 5, 2 / 5, 0])


def test_the_releases_form_is_the_mean_of_both_polarities_from_minus_one_on() -> None:
    image = count_map(PACKET, CountMapSpec(form="release"))
    # ON 3 and 1 over 4, OFF 1 and 1 over 2, each 2 (x - 1/2).
    assert image[0, 0] == pytest.approx([(0.5 + 0) / 2, (-0.5 + 0) / 2, -1])
    assert (image == image[0]).all()


def test_only_the_newest_events_count() -> None:
    spec = CountMapSpec(form="paper", num_events=3)
    assert count_map(PACKET, spec)[0, 0] == pytest.approx([1 / 3, 2 / 3, 0])
    assert published().num_events == 30_000
    more = CountMapSpec(num_events=7)  # than there are
    np.testing.assert_array_equal(count_map(PACKET, more), count_map(PACKET, CountMapSpec()))


def test_a_number_of_events_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="num_events must be at least 1 or None, got 0"):
        CountMapSpec(num_events=0)


def test_a_videos_map_is_how_often_a_pixel_changed_by_more_than_ten() -> None:
    frames = np.zeros((17, 1, 4), np.uint8)
    frames[::2, 0, 0] = 255  # changes 16 times, cut off at 10
    frames[::2, 0, 1] = 10  # never by more than 10
    frames[:5, 0, 2] = 200  # once
    frames[3:6, 0, 3] = 100  # up and down
    levels = video_count_map(frames, form="paper")
    assert levels.shape == (3, 1, 4)
    assert levels.dtype == np.float32
    for plane in levels:
        assert plane[0] == pytest.approx([1, 0, 0.1, 0.2])
    np.testing.assert_allclose(video_count_map(frames), 2 * (levels - 0.5), atol=1e-6)


def test_a_still_video_has_an_empty_map() -> None:
    frames = np.full((16, 5, 6), 77, np.uint8)
    assert not video_count_map(frames, form="paper").any()
    assert (video_count_map(frames) == -1).all()


@pytest.mark.parametrize(
    "frames", [np.zeros((1, 4, 4), np.uint8), np.zeros((4, 4, 4)), np.zeros((4, 4, 4, 3), np.uint8)]
)
def test_frames_of_another_shape_or_type_are_refused(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"frames must be \(T, H, W\) uint8"):
        video_count_map(frames)
