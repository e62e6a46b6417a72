from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from models.encoders import clip_vision, dinov2, dinov3
from models.transformer_encoder import (
    TransformerConfig,
    TransformerEncoder,
    adapted_patches,
)

SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "patch_size": 8,
    "image_size": 24,
}
PUBLIC: dict[str, tuple[type[TransformerConfig], Any]] = {
    "dinov2": (
        dinov2.Config,
        lambda: transformers.Dinov2Model(transformers.Dinov2Config(**SIZES)),
    ),
    "dinov2_with_registers": (
        dinov2.Config,
        lambda: transformers.Dinov2WithRegistersModel(
            transformers.Dinov2WithRegistersConfig(**SIZES, num_register_tokens=3)
        ),
    ),
    "dinov2_gated": (
        dinov2.Config,
        lambda: transformers.Dinov2Model(transformers.Dinov2Config(**SIZES, use_swiglu_ffn=True)),
    ),
    "dinov3": (
        dinov3.Config,
        lambda: transformers.DINOv3ViTModel(
            transformers.DINOv3ViTConfig(**SIZES, intermediate_size=32, num_register_tokens=4)
        ),
    ),
    "dinov3_gated": (
        dinov3.Config,
        lambda: transformers.DINOv3ViTModel(
            transformers.DINOv3ViTConfig(**SIZES, intermediate_size=24, use_gated_mlp=True)
        ),
    ),
    "clip": (
        clip_vision.Config,
        lambda: transformers.CLIPVisionModelWithProjection(
            transformers.CLIPVisionConfig(**SIZES, intermediate_size=32, projection_dim=12)
        ),
    ),
}
"""Models as anybody makes them, of tiny sizes."""


@pytest.fixture
def quiet() -> Any:
    transformers.utils.logging.disable_progress_bar()
    yield
    transformers.utils.logging.enable_progress_bar()


def save_public(name: str, folder: Path) -> tuple[type[TransformerConfig], Any]:
    """Write a public model with random weights into ``folder`` and return it."""
    torch.manual_seed(3)
    config, make = PUBLIC[name]
    model = make().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    return config, model


def started(config: TransformerConfig, num_channels: int = 3) -> TransformerEncoder:
    encoder = config.build(num_channels).eval()
    assert isinstance(encoder, TransformerEncoder)
    config.load_initial(encoder)
    return encoder


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("size", [(24, 24), (40, 16)])
@pytest.mark.parametrize("name", PUBLIC)
def test_public_weights_give_the_public_model_s_tokens(
    name: str, size: tuple[int, int], tmp_path: Path
) -> None:
    config_type, model = save_public(name, tmp_path)
    encoder = started(config_type.matching(str(tmp_path)))
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        options = {"interpolate_pos_encoding": True} if name == "clip" else {}
        output = model(images, **options)
        tokens = encoder.tokens(images)
        maps = encoder(images)
    expected = output.last_hidden_state
    if name == "clip":
        torch.testing.assert_close(tokens.embedding_BE, output.image_embeds)
        expected = model.vision_model.post_layernorm(expected)
    torch.testing.assert_close(tokens.all, expected)
    torch.testing.assert_close(maps[-1], tokens.map)


@pytest.mark.usefixtures("quiet")
def test_a_whole_clip_gives_its_picture_tower(tmp_path: Path) -> None:
    settings = transformers.CLIPConfig(
        vision_config=SIZES | {"intermediate_size": 32},
        text_config={
            "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 9,
            "intermediate_size": 16, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2,
        },
        projection_dim=12,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.CLIPModel(settings).eval()
    model.save_pretrained(tmp_path)
    config = clip_vision.Config.matching(str(tmp_path))
    assert config.embedding_width == 12
    images = torch.randn(1, 3, 24, 24)
    with torch.no_grad():
        expected = model.get_image_features(images).pooler_output
        torch.testing.assert_close(started(config).tokens(images).embedding_BE, expected)


def test_maps_come_after_each_quarter_of_the_blocks() -> None:
    assert dinov2.small().blocks_of_maps == (2, 5, 8, 11)
    assert dinov3.large().blocks_of_maps == (5, 11, 17, 23)
    assert replace(dinov2.small(), depth=2).blocks_of_maps == (0, 1)
    assert dinov2.Config(map_blocks=(3, 11)).build(3).widths == (384, 384)


@pytest.mark.parametrize("blocks", [(3, 3), (5, 2), (11, 12), (-1, 3)])
def test_impossible_map_blocks_are_refused(blocks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="map_blocks must rise within 0 to 11"):
        dinov2.Config(map_blocks=blocks)


def test_an_input_that_is_no_multiple_of_the_patch_is_refused() -> None:
    encoder = dinov3.Config(width=16, depth=1, num_attention_heads=2).build(3)
    with pytest.raises(ValueError, match="multiple of the patch, 16, got 40x32"):
        encoder(torch.zeros(1, 3, 32, 40))


def test_an_encoder_fixed_to_a_size_is_the_same_there_and_refuses_others() -> None:
    config = dinov2.Config(width=16, depth=2, num_attention_heads=2, image_size=42)
    encoder = config.build(3).eval()
    events = torch.randn(1, 3, 28, 56)
    with torch.no_grad():
        expected = encoder(events)[-1]
        names = set(encoder.state_dict())
        encoder.fix_input_size(28, 56)
        torch.testing.assert_close(encoder(events)[-1], expected, rtol=0, atol=0)
    assert set(encoder.state_dict()) == names
    with pytest.raises(ValueError, match="fixed to inputs of 56x28, got 28x56"):
        encoder(torch.zeros(1, 3, 56, 28))


@pytest.mark.usefixtures("quiet")
def test_a_published_model_of_other_sizes_is_refused_by_field(tmp_path: Path) -> None:
    config_type, _ = save_public("dinov3", tmp_path)
    config = replace(config_type.matching(str(tmp_path)), depth=3)
    with pytest.raises(ValueError, match=r"has depth 4, the encoder 3: set --encoder\.depth 4"):
        started(config)


@pytest.mark.usefixtures("quiet")
def test_a_published_model_with_a_setting_of_its_own_is_refused(tmp_path: Path) -> None:
    settings = transformers.Dinov2Config(**SIZES, layer_norm_eps=1e-3)
    transformers.Dinov2Model(settings).save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match=r"has layer_norm_eps 0\.001, this encoder knows only 1e-06"
    ):
        started(dinov2.Config.matching(str(tmp_path)))


def test_the_encoders_load_transformers_only_when_they_are_built() -> None:
    program = (
        "import sys, models.encoders.dinov2 as a, models.encoders.dinov3 as b, "
        "models.encoders.clip_vision as c; a.small(); b.large(); c.l14(); "
        "sys.exit('transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.usefixtures("quiet")
def test_a_published_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    save_public("clip", tmp_path)
    with pytest.raises(
        ValueError, match="of type clip_vision_model, this encoder starts from dinov"
    ):
        dinov2.Config.matching(str(tmp_path))


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no published model .*nothing'.* neither") as caught:
        dinov2.Config.matching(str(tmp_path / "nothing"))
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("rule", ["copy", "mean", "inflate"])
def test_an_encoder_of_other_channels_starts_from_adapted_patches(
    rule: Any, tmp_path: Path
) -> None:
    config_type, model = save_public("dinov3", tmp_path)
    encoder = started(replace(config_type.matching(str(tmp_path)), patch_rule=rule), 5)
    published = model.embeddings.patch_embeddings.weight
    torch.testing.assert_close(encoder.patches.weight, adapted_patches(published, 5, rule))


def response(weight_DCPP: Tensor, image_CHW: Tensor) -> Tensor:
    return torch.nn.functional.conv2d(image_CHW[None], weight_DCPP, stride=weight_DCPP.shape[-1])


@pytest.mark.parametrize(("rule", "num_channels"), [("mean", 5), ("mean", 3), ("inflate", 6)])
def test_a_grey_picture_in_all_channels_gives_what_it_gave(rule: Any, num_channels: int) -> None:
    weight, grey = torch.randn(4, 3, 2, 2), torch.randn(1, 6, 6)
    expected = response(weight, grey.expand(3, -1, -1))
    found = response(adapted_patches(weight, num_channels, rule), grey.expand(num_channels, -1, -1))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("rule", ["copy", "inflate"])
def test_colours_keep_the_published_filters(rule: Any) -> None:
    weight = torch.randn(4, 3, 2, 2)
    torch.testing.assert_close(adapted_patches(weight, 3, rule), weight, rtol=0, atol=0)
    scale = 1 if rule == "copy" else 3 / 5
    torch.testing.assert_close(adapted_patches(weight, 5, rule)[:, 4], scale * weight[:, 1])
