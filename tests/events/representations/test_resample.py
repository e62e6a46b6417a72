from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from events.representations.resample import (
    Interpolation,
    make_taps,
    resample,
    resample_reference,
    taps_matrix,
)

INTERPOLATIONS = get_args(Interpolation)
over_interpolations = pytest.mark.parametrize("interpolation", INTERPOLATIONS)
BOXES = {
    "smaller": Letterbox(SensorSize(64, 48), 24, 40),
    "larger": Letterbox(SensorSize(20, 15), 45, 70),
    "tiny": Letterbox(SensorSize(64, 48), 2, 1),
    "from_tiny": Letterbox(SensorSize(1, 2), 9, 9),
}


@over_interpolations
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_the_kernel_equals_the_reference(interpolation: Any, box: Letterbox) -> None:
    sensor = box.sensor
    image = np.random.default_rng(0).random((2, sensor.height, sensor.width), np.float32)
    out = np.full((2, box.height, box.width), 0.25, np.float32)
    resample(image, box, interpolation, out)
    expected = resample_reference(image.astype(np.float64), box, interpolation, margin=0.25)
    np.testing.assert_allclose(out, expected, atol=1e-6)


@over_interpolations
@pytest.mark.parametrize(("size", "num"), [(64, 20), (20, 64), (7, 7), (3, 1), (1, 3)])
def test_weights_sum_to_one(interpolation: Any, size: int, num: int) -> None:
    taps = make_taps(size, num, size / num, interpolation)
    assert taps.first.min() >= 0
    assert (taps.first + taps.weights.shape[1] <= size).all()
    np.testing.assert_allclose(taps.weights.sum(axis=1), 1, atol=1e-6)


@over_interpolations
@pytest.mark.parametrize("size", [(12, 16), (24, 32), (96, 128)])
def test_pictures_are_as_torch_makes_them(interpolation: Any, size: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(0).random((2, 48, 64), np.float32)
    out = np.zeros((2, *size), np.float32)
    resample(image, Letterbox(SensorSize(64, 48), *size), interpolation, out)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None],
        size=size,
        mode=interpolation.partition("_")[0],
        antialias="antialias" in interpolation,
    )[0]
    np.testing.assert_allclose(out, expected.numpy(), atol=2e-5)


@pytest.mark.parametrize("interpolation", ["bilinear_antialias", "bicubic_antialias"])
def test_antialiased_means_as_pillow_does(interpolation: Any) -> None:
    from PIL import Image

    image = np.random.default_rng(0).random((48, 64), np.float32)
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    resized = Image.fromarray(image).resize((20, 15), filters[interpolation.partition("_")[0]])
    out = np.zeros((1, 15, 20), np.float32)
    resample(image[None], Letterbox(SensorSize(64, 48), 15, 20), interpolation, out)
    np.testing.assert_allclose(out[0], np.asarray(resized), atol=2e-6)


@over_interpolations
def test_an_image_of_its_own_size_stays_as_it_is(interpolation: Any) -> None:
    matrix = taps_matrix(make_taps(9, 9, 1.0, interpolation), 9)
    np.testing.assert_allclose(matrix, np.eye(9), atol=1e-7)
