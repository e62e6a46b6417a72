from __future__ import annotations

import argparse

import pytest

from app.sizes import sensor_size, width_and_height
from events.packet import SensorSize


def test_a_size_is_width_times_height() -> None:
    assert width_and_height("640x480") == (640, 480)
    assert width_and_height("1280X720") == (1280, 720)


@pytest.mark.parametrize("text", ["", "640", "640x", "0x480", "axb", "640x480x3", "-1x5"])
def test_another_text_is_no_size(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a size is WIDTHxHEIGHT"):
        width_and_height(text)


def test_a_sensor_s_size_is_at_most_that_of_any_sensor() -> None:
    assert sensor_size("346x260") == SensorSize(346, 260)
    with pytest.raises(argparse.ArgumentTypeError, match="32768x32768, got 40000x1"):
        sensor_size("40000x1")
