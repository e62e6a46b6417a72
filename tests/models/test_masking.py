from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.encoders import conv_vit, swin, vit
from models.layers import sincos_positions
from models.masking import LevelFusion, MaskableEncoder
from models.reconstruction import DecoderConfig, Reconstruction

CONFIGS = {
    "vit": vit.Config(width=16, depth=5, num_attention_heads=2, patch_size=8),
    "conv_vit": conv_vit.Config(widths=(8, 12, 16), depths=(2, 2, 2), num_attention_heads=2),
    "swin": swin.Config(width=8, depths=(1, 1, 2, 1), num_attention_heads=(1, 1, 2, 2)),
}
ROWS, COLUMNS = 4, 3


def build(name: str) -> MaskableEncoder:
    torch.manual_seed(0)
    encoder = CONFIGS[name].build(5).eval()
    assert isinstance(encoder, MaskableEncoder)
    return encoder


def picture(encoder: MaskableEncoder) -> Tensor:
    size = encoder.strides[-1]
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 5, ROWS * size, COLUMNS * size, generator=generator)


KEEP = torch.tensor([[0, 3, 4, 7, 11], [10, 1, 2, 8, 5]])


@pytest.mark.parametrize("name", CONFIGS)
def test_what_a_hidden_patch_holds_never_reaches_a_visible_one(name: str) -> None:
    encoder = build(name)
    events = picture(encoder)
    visible = torch.zeros(2, ROWS * COLUMNS).scatter_(1, KEEP, 1).reshape(2, 1, ROWS, COLUMNS)
    visible = nn.functional.interpolate(visible, scale_factor=encoder.strides[-1])
    other = torch.where(visible > 0, events, 100 * torch.ones_like(events))
    for before, after in zip(
        encoder.visible_levels(events, KEEP), encoder.visible_levels(other, KEEP), strict=True
    ):
        torch.testing.assert_close(after, before)


@pytest.mark.parametrize("name", CONFIGS)
def test_levels_have_the_promised_widths_and_follow_what_is_seen(name: str) -> None:
    encoder = build(name)
    events = picture(encoder)
    levels = encoder.visible_levels(events, KEEP)
    assert [level.shape for level in levels] == [
        (2, KEEP.shape[1], width) for width in encoder.level_widths
    ]
    for before, after in zip(levels, encoder.visible_levels(2 * events, KEEP), strict=True):
        assert not torch.allclose(before, after)


@pytest.mark.parametrize("name", CONFIGS)
def test_with_nothing_hidden_the_last_level_is_the_tokens_before_their_norm(name: str) -> None:
    encoder = build(name)
    events = picture(encoder)
    everything = torch.arange(ROWS * COLUMNS).expand(2, -1)
    last = encoder.norm(encoder.visible_levels(events, everything)[-1])
    torch.testing.assert_close(last, encoder.tokens(events).patches_BND)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_layers_hold_every_parameter_but_the_last_norm_once(name: str) -> None:
    encoder = build(name)
    layers = encoder.layers()
    found = [id(value) for layer in layers for part in layer for value in part.parameters()]
    norm = {id(value) for value in encoder.norm.parameters()}
    assert sorted(found) == sorted({id(value) for value in encoder.parameters()} - norm)
    assert 0 < encoder.num_blocks < len(layers)


def test_fusion_is_the_norm_of_the_sum_of_levels() -> None:
    torch.manual_seed(0)
    norm = nn.LayerNorm(6)
    levels = [torch.randn(2, 3, 6), torch.randn(2, 3, 6)]
    total = (levels[0] + levels[1]).double().numpy()
    centred = total - total.mean(-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    fused = LevelFusion((6, 6), 6)(levels, norm).detach().numpy()
    np.testing.assert_allclose(fused, expected, atol=1e-5)
    assert not list(LevelFusion((6, 6), 6).parameters())


def test_positions_of_any_grid_are_sines_and_cosines_of_column_and_row() -> None:
    height, width, num_features = 3, 5, 16
    positions = sincos_positions(height, width, num_features, torch.zeros(1)).numpy()
    for row in range(height):
        for column in range(width):
            expected = []
            for index in (column, row):
                phases = [index / 10_000 ** (i / 4) for i in range(4)]
                expected += [np.sin(phase) for phase in phases]
                expected += [np.cos(phase) for phase in phases]
            np.testing.assert_allclose(positions[row * width + column], expected, atol=1e-5)


def test_swin_is_transformers_own_on_its_own_size() -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = swin.Config(width=12, depths=(2, 2, 2, 2), num_attention_heads=(1, 2, 2, 4))
    encoder = config.build(5).eval()
    assert isinstance(encoder, swin.SwinEncoder)
    sizes = transformers.SwinConfig(
        embed_dim=12, depths=(2, 2, 2, 2), num_heads=(1, 2, 2, 4), num_channels=5,
        layer_norm_eps=1e-6,
    )  # fmt: skip
    theirs = transformers.SwinModel(sizes, add_pooling_layer=False).eval()
    theirs.encoder.layers.load_state_dict(encoder.stages.state_dict())
    theirs.embeddings.patch_embeddings.projection.load_state_dict(encoder.embed.state_dict())
    theirs.embeddings.norm.load_state_dict(encoder.embed_norm.state_dict())
    events = torch.randn(1, 5, 224, 224)
    with torch.no_grad():
        encoder(torch.randn(1, 5, 64, 64))  # a smaller input changes nothing for the next
        ours = encoder.tokens(events).patches_BND
        expected = theirs(events).last_hidden_state
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)


def test_a_decoder_says_every_patch_and_sees_hidden_ones_as_one_token() -> None:
    encoder = build("vit")
    decoder = Reconstruction(
        DecoderConfig(width=16, depth=1, num_attention_heads=2), encoder, num_channels=2
    )
    nn.init.normal_(decoder.mask_token)
    said = decoder(encoder, picture(encoder), KEEP)
    assert said.shape == (2, ROWS * COLUMNS, 2 * 8 * 8)
    said[0, 1].square().sum().backward()  # patch 1 of sample 0 is hidden
    gradient = decoder.mask_token.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vit.Config(depth=3), "depth must be at least 4, got 3"),
        (lambda: vit.Config(width=100), "multiple of 4 and of 12 heads, got 100"),
        (lambda: conv_vit.Config(depths=(0, 2, 3)), "depths of at least 1"),
        (lambda: swin.Config(width=100), "must be a multiple of the heads"),
        (lambda: DecoderConfig(width=100), "multiple of 4 and of 8 heads, got 100"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
