from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.packet import SensorSize
from events.representations.letterbox import Letterbox

sizes = st.integers(1, 700)


@settings(max_examples=300, deadline=None)
@given(sizes, sizes, st.integers(1, 300), st.integers(1, 300))
def test_every_pixel_has_a_cell_in_the_content_and_the_content_fits(
    sensor_width: int, sensor_height: int, height: int, width: int
) -> None:
    box = Letterbox(SensorSize(sensor_width, sensor_height), height, width)
    top, left, content_height, content_width = box.content
    assert top >= 0
    assert left >= 0
    assert top + content_height <= height
    assert left + content_width <= width
    assert abs((height - content_height) - 2 * top) <= 1  # centred
    assert abs((width - content_width) - 2 * left) <= 1
    assert content_height == height or content_width == width  # as large as it goes
    for lut, first, extent in (
        (box.x_lut, left, content_width),
        (box.y_lut, top, content_height),
    ):
        assert (np.diff(lut) >= 0).all()
        assert lut[0] >= first
        assert lut[-1] < first + extent
    np.testing.assert_array_equal(
        box.x_lut, np.floor((np.arange(sensor_width) + 0.5) * box.scale + 1e-9) + left
    )
    assert 0 <= box.source_rows.min() <= box.source_rows.max() < sensor_height
    assert 0 <= box.source_columns.min() <= box.source_columns.max() < sensor_width


def test_a_davis346_fills_an_input_of_192_by_256() -> None:
    box = Letterbox(SensorSize(346, 260), 192, 256)
    assert box.content == (0, 0, 192, 256)
    assert box.scale == pytest.approx(192 / 260)
    assert box.x_lut[[0, 1, 2, 345]].tolist() == [0, 1, 1, 255]


def test_a_square_sensor_is_centred() -> None:
    box = Letterbox(SensorSize(128, 128), 192, 256)
    assert box.scale == 1.5
    assert box.content == (0, 32, 192, 192)
    assert box.x_lut[[0, 127]].tolist() == [32, 223]
    assert box.source_columns[:4].tolist() == [0, 1, 1, 2]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([1, 2, 4]))
def test_a_smooth_image_comes_back_where_it_belongs(
    sensor_width: int, sensor_height: int, divisor: int
) -> None:
    box = Letterbox(SensorSize(sensor_width, sensor_height), 24, 32)
    left, width = box.content.left, box.content.width
    # A ramp over the cells' centres, in cells of the input.
    image = np.broadcast_to(
        (np.arange(32 // divisor, dtype=np.float32) + 0.5) * divisor, (24 // divisor, 32 // divisor)
    )
    back = box.to_sensor_image(image)
    assert back.shape == (sensor_height, sensor_width)
    assert back.dtype == np.float32
    expected = (np.arange(sensor_width) + 0.5) * box.scale + left
    low = (left // divisor + 0.5) * divisor
    high = ((left + width - 1) // divisor + 0.5) * divisor
    np.testing.assert_allclose(back[0], np.clip(expected, low, high), rtol=1e-5)
    assert (back == back[0]).all()


def test_padding_never_bleeds_into_the_image() -> None:
    box = Letterbox(SensorSize(128, 128), 192, 256)
    image = np.full((192, 256), 1e6, np.float32)
    image[:, 32:224] = 2.0
    assert (box.to_sensor_image(image) == 2.0).all()


def test_an_image_of_the_sensor_s_size_comes_back_unchanged() -> None:
    box = Letterbox(SensorSize(32, 24), 24, 32)
    image = np.random.default_rng(0).random((24, 32), np.float32)
    np.testing.assert_allclose(box.to_sensor_image(image), image, atol=1e-6)


def test_maps_need_not_be_writable_or_contiguous() -> None:
    box = Letterbox(SensorSize(32, 24), 24, 32)
    image = np.arange(24 * 32, dtype=np.float64).reshape(32, 24).T
    image.flags.writeable = False
    assert box.to_sensor_image(image).shape == (24, 32)
    assert box.to_sensor_classes(image[None]).shape == (24, 32)


@pytest.mark.parametrize("shape", [(5, 32), (24, 33), (48, 64), (24,), (0, 32)])
def test_a_map_of_another_grid_is_refused(shape: tuple[int, ...]) -> None:
    box = Letterbox(SensorSize(32, 24), 24, 32)
    with pytest.raises(ValueError, match="sides that divide"):
        box.to_sensor_image(np.zeros(shape))


def test_an_empty_input_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1x1, got 0x5"):
        Letterbox(SensorSize(3, 3), 5, 0)


@pytest.mark.parametrize("num_classes", [1, 2, 21, 256])
def test_each_pixel_has_the_class_that_leads_there_even_one_that_leads_in_no_cell(
    num_classes: int,
) -> None:
    letterbox = Letterbox(SensorSize(64, 48), 24, 32)
    random = np.random.default_rng(num_classes)
    logits = random.normal(size=(num_classes, 12, 16)).astype(np.float32)
    if num_classes > 2:
        logits[0, ::2] += 3  # leads in every second row, another in the others...
        logits[1, 1::2] += 3
        logits[2] += 2.2  # ...and between them, where both are halfway down, this one
    picked = letterbox.to_sensor_classes(logits)
    exact = np.stack([letterbox.to_sensor_image(plane) for plane in logits]).astype(np.float64)
    chosen = np.take_along_axis(exact, picked[None].astype(np.int64), 0)[0]
    np.testing.assert_allclose(chosen, exact.max(0), atol=1e-5)
    if num_classes > 2:
        assert (picked == 2).any()


def test_of_equal_classes_the_first_is_picked() -> None:
    letterbox = Letterbox(SensorSize(8, 8), 8, 8)
    logits = np.zeros((3, 4, 4), np.float32)
    logits[2, 0, 0] = 1.0  # makes its neighbourhood a mixed one
    picked = letterbox.to_sensor_classes(logits)
    assert picked[0, 0] == 2
    assert not picked[4:, 4:].any()
    assert set(np.unique(picked)) == {0, 2}
