from __future__ import annotations

import torch

from training.grey import grey, greyed

IMAGES = torch.tensor([[255, 0, 0], [0, 255, 0], [255, 255, 255]], dtype=torch.uint8)


def test_grey_pictures_have_the_brightness_of_the_colours() -> None:
    seen = grey(IMAGES.reshape(3, 3, 1, 1))
    assert seen.shape == (3, 1, 1, 1)
    torch.testing.assert_close(seen.flatten(), torch.tensor([0.299, 0.587, 1.0]))


def test_a_greyed_picture_has_three_equal_channels() -> None:
    images = IMAGES.reshape(3, 3, 1, 1)
    torch.testing.assert_close(greyed(images), grey(images).repeat(1, 3, 1, 1), rtol=0, atol=0)
