from __future__ import annotations

import enum

import pytest
from stand_in_devices import Flatten, ReadoutFPS, StandInDavis, StandInDevice

from events.live.controls import controls, set_control


def names(device: StandInDevice) -> set[str]:
    return {control.name for control in controls(device)}


def test_only_what_the_camera_has_is_offered() -> None:
    assert names(StandInDevice()) == {
        "contrast_threshold_on",
        "contrast_threshold_off",
        "readout_fps",
        "flatten",
        "flip_horizontal",
        "crop",
    }
    assert "contrast_threshold_on" not in names(StandInDavis())
    assert {"bias_on_coarse", "bias_on_fine"} <= names(StandInDavis())


def test_a_feature_that_this_model_refuses_is_not_offered() -> None:
    assert "refractory_period_filter_us" not in names(StandInDavis())
    assert "background_activity_filter_us" in names(StandInDavis())


@pytest.mark.parametrize("device", [StandInDevice(), StandInDavis()])
def test_every_control_can_be_set_to_every_end_of_its_range(device: StandInDevice) -> None:
    for control in controls(device):
        wanted = control.choices or (
            (True, False)
            if isinstance(control.value, bool)
            else ((1, 2, 30, 20),)
            if isinstance(control.value, tuple)
            else (control.minimum, control.maximum)
        )
        for value in wanted:
            assert set_control(device, control.name, value).value == value
            assert dict((c.name, c.value) for c in controls(device))[control.name] == value


@pytest.mark.parametrize(
    ("name", "feature", "modes"),
    [("readout_fps", "ReadoutFPS", ReadoutFPS), ("flatten", "Flatten", Flatten)],
)
def test_every_text_is_the_mode_of_its_name(
    name: str, feature: str, modes: type[enum.Enum]
) -> None:
    device = StandInDevice()
    [control] = [control for control in controls(device) if control.name == name]
    assert set(control.choices) == set(modes.__members__)
    for text in control.choices:
        set_control(device, name, text)
        assert device.values[feature] is modes[text]


def test_setting_reaches_the_camera() -> None:
    device = StandInDevice()
    set_control(device, "contrast_threshold_on", 12)
    set_control(device, "flip_horizontal", True)
    assert (device.values["ContrastThresholdOn"], device.values["ContrastThresholdOff"]) == (12, 9)
    assert device.values["FlipHorizontal"] is True


def test_the_two_parts_of_a_bias_are_set_apart() -> None:
    davis = StandInDavis()
    set_control(davis, "bias_on_coarse", 5)
    set_control(davis, "bias_on_fine", 200)
    set_control(davis, "bias_off_fine", 7)
    biases = {kind.name: value for kind, value in davis.biases.items()}
    assert (biases["On"], biases["Off"], biases["Diff"]) == ((5, 200), (4, 7), (4, 39))


def test_a_filter_is_set_in_microseconds_by_whole_steps() -> None:
    davis = StandInDavis()
    assert set_control(davis, "background_activity_filter_us", 1_100).value == 1_000
    assert davis.values["BackgroundActivityFilter"] == 4


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("contrast_threshold_on", 18, "between 0 and 17"),
        ("contrast_threshold_on", True, "between 0 and 17"),
        ("readout_fps", "FASTER", "one of CONSTANT_100, CONSTANT_500, VARIABLE_5000"),
        ("flip_horizontal", 1, "true or false"),
        ("crop", (0, 0, 5), "x, y, width, height"),
        ("shutter", 1, "no control 'shutter': it has contrast_threshold_on"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(
    name: str, value: object, says: str
) -> None:
    device = StandInDevice()
    before = dict(device.values)
    with pytest.raises(ValueError, match=says):
        set_control(device, name, value)  # type: ignore[arg-type]
    assert device.values == before
