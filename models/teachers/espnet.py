"""ESPNet as a frozen teacher of driving scenes: a class for every pixel.

Source: Mehta et al., "ESPNet: Efficient Spatial Pyramid of Dilated Convolutions for Semantic
Segmentation", ECCV 2018, arXiv 1803.06815; modules are named as in its published weights.
"""

# B batch, H height, W width, C classes

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from models.teachers.teacher import TeacherError

MEAN = (0.4105, 0.4239, 0.4307)
STD = (0.3057, 0.3095, 0.3052)
"""Of the channels of CamVid's training frames, RGB in [0, 1]."""
RELEASE_SCALE = 1 / 255
"""The published weights were trained with pixels that were divided by 255 once more after the
normalisation; without it they say nothing of use."""
UNLABELLED = 11
DILATIONS = (1, 2, 4, 8, 16)
EPSILON = 1e-3
STRIDE = 8


def _convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1
) -> nn.Conv2d:
    padding = (kernel - 1) // 2 * dilation
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation=dilation, bias=False)


class Convolution(nn.Module):
    """A convolution, with normalisation and PReLU where asked for."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        *,
        dilation: int = 1,
        is_normalized: bool = False,
    ) -> None:
        super().__init__()
        self.conv = _convolution(inputs, outputs, kernel, stride, dilation)
        if is_normalized:
            self.bn, self.act = nn.BatchNorm2d(outputs, EPSILON), nn.PReLU(outputs)
        self.is_normalized = is_normalized

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.act(self.bn(x)) if self.is_normalized else x


class Activation(nn.Module):
    """Normalisation and PReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn, self.act = nn.BatchNorm2d(channels, EPSILON), nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.act(self.bn(x))
        return said


class Pyramid(nn.Module):
    """The ESP module: reduce, transform at five dilations, sum them up, put them side by side."""

    def __init__(
        self, inputs: int, outputs: int, *, stride: int = 1, is_residual: bool = False
    ) -> None:
        super().__init__()
        width = outputs // len(DILATIONS)
        first = outputs - (len(DILATIONS) - 1) * width
        self.c1 = Convolution(inputs, width, 3 if stride == 2 else 1, stride)
        for dilation in DILATIONS:
            outs = first if dilation == 1 else width
            setattr(self, f"d{dilation}", Convolution(width, outs, 3, dilation=dilation))
        self.is_down = stride == 2
        if self.is_down:
            self.bn: nn.Module = nn.BatchNorm2d(outputs, EPSILON)
            self.act = nn.PReLU(outputs)
        else:
            self.bn = Activation(outputs)
        self.is_residual = is_residual

    def forward(self, x: Tensor) -> Tensor:
        reduced = self.c1(x)
        parts = [getattr(self, f"d{dilation}")(reduced) for dilation in DILATIONS]
        for i in range(2, len(parts)):  # sums of neighbours against the gridding of dilation
            parts[i] = parts[i] + parts[i - 1]
        joined = torch.cat(parts, dim=1)
        if self.is_residual:
            joined = x + joined
        said: Tensor = self.bn(joined)
        return self.act(said) if self.is_down else said


class Encoder(nn.Module):
    """Three levels, at a half, a quarter and an eighth of the picture."""

    def __init__(self, num_classes: int, depths: tuple[int, int] = (2, 8)) -> None:
        super().__init__()
        self.level1 = Convolution(3, 16, 3, 2, is_normalized=True)
        self.b1 = Activation(19)
        self.level2_0 = Pyramid(19, 64, stride=2)
        self.level2 = nn.Sequential(*(Pyramid(64, 64, is_residual=True) for _ in range(depths[0])))
        self.b2 = Activation(131)
        self.level3_0 = Pyramid(131, 128, stride=2)
        self.level3 = nn.Sequential(
            *(Pyramid(128, 128, is_residual=True) for _ in range(depths[1]))
        )
        self.b3 = Activation(256)
        self.classifier = Convolution(256, num_classes, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        half = avg_pool2d(x, 3, 2, 1)
        fine = self.b1(torch.cat([self.level1(x), half], 1))
        start = self.level2_0(fine)
        quarter = avg_pool2d(half, 3, 2, 1)
        middle = self.b2(torch.cat([self.level2(start), start, quarter], 1))
        start = self.level3_0(middle)
        coarse = self.classifier(self.b3(torch.cat([start, self.level3(start)], 1)))
        return fine, middle, coarse


class EspNet(nn.Module):
    """The encoder, and a decoder that adds the finer levels; 12 classes, the last unlabelled."""

    def __init__(self, num_classes: int = 12) -> None:
        super().__init__()
        self.encoder = Encoder(num_classes)
        self.level3_C = Convolution(131, num_classes, 1)
        self.br = nn.BatchNorm2d(num_classes, EPSILON)
        self.up_l3 = nn.Sequential(_doubled(num_classes))
        self.combine_l2_l3 = nn.Sequential(
            Activation(2 * num_classes), Pyramid(2 * num_classes, num_classes)
        )
        self.up_l2 = nn.Sequential(_doubled(num_classes), Activation(num_classes))
        self.conv = Convolution(19 + num_classes, num_classes, 3, is_normalized=True)
        self.classifier = _doubled(num_classes)

    def forward(self, x: Tensor) -> Tensor:
        fine, middle, coarse = self.encoder(x)
        raised = self.up_l3(self.br(coarse))
        joined = self.combine_l2_l3(torch.cat([self.level3_C(middle), raised], 1))
        said: Tensor = self.classifier(self.conv(torch.cat([self.up_l2(joined), fine], 1)))
        return said


def _doubled(channels: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, channels, 2, stride=2, bias=False)


class EspNetTeacher:
    """Says a class for every pixel; always in eval mode, never saved with a model."""

    def __init__(self, path: Path) -> None:
        """Load the published weights of CamVid.

        Raises:
            TeacherError: they are not there, or of another network.
        """
        if not path.is_file():
            raise TeacherError(f"no teacher {path}: set SACCADE_DATA to the folder of the data")
        self.fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        self.model = EspNet()
        try:
            self.model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # torch raises many kinds for a damaged file
            reason = str(error).splitlines()[0]
            raise TeacherError(f"{path} does not hold ESPNet's weights: {reason}") from None
        self.model.eval().requires_grad_(False)

    @torch.no_grad()
    def logits(self, images_B3HW: Tensor) -> Tensor:
        """Return (B, 12, H, W) scores of CamVid's 11 classes and of none of them.

        Args:
            images_B3HW: RGB, uint8; frames of CamVid's size, 480x360, are what it knows.
        """
        mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
        pixels = (images_B3HW / 255 - mean) / std * RELEASE_SCALE
        height, width = pixels.shape[2:]
        even = (-(-height // STRIDE) * STRIDE, -(-width // STRIDE) * STRIDE)
        if even != (height, width):
            pixels = interpolate(pixels, even, mode="bilinear")
        said = self.model(pixels.flip(1))  # it was trained with blue first
        return (
            said if even == (height, width) else interpolate(said, (height, width), mode="bilinear")
        )
