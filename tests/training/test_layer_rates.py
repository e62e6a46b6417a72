from __future__ import annotations

import pytest

from models.encoders import conv_vit, vit
from models.encoders.encoder import EncoderConfig
from models.masking import MaskableEncoder
from training.layer_rates import LayerRates

VIT = vit.Config(width=8, num_attention_heads=2, patch_size=4)
CONV_VIT = conv_vit.Config(widths=(4, 4, 8), depths=(2, 2, 11), num_attention_heads=2)


def scales(rates: LayerRates, config: EncoderConfig) -> list[float]:
    encoder = config.build(2)
    assert isinstance(encoder, MaskableEncoder)
    return [rates.scale(layer, encoder) for layer in range(len(encoder.layers()))]


def test_decay_is_a_power_of_the_distance_to_the_last_layer() -> None:
    expected = [0.75 ** (12 - i) for i in range(13)]
    assert scales(LayerRates(kind="decay"), VIT) == pytest.approx(expected)
    expected = [0.75 ** (13 - i) for i in range(14)]
    assert scales(LayerRates(kind="decay"), CONV_VIT) == pytest.approx(expected)


def test_grafted_rates_go_by_thirds_of_the_attention_blocks() -> None:
    assert scales(LayerRates(kind="grafted"), VIT) == [0.01] * 5 + [0.1] * 4 + [1.0] * 4
    assert scales(LayerRates(kind="grafted"), CONV_VIT) == [0.01] * 7 + [0.1] * 4 + [1.0] * 3


def test_uniform_rates_are_one() -> None:
    assert set(scales(LayerRates(), VIT)) == {1.0}


def test_a_decay_that_grows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"decay must lie in \(0, 1\], got 1.5"):
        LayerRates(decay=1.5)
