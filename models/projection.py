"""Projections that stand between tokens and a contrast, and are left behind after training."""

# B batch, N tokens, D width of a token

from __future__ import annotations

from torch import Tensor, nn

from models.encoders.encoder import Tokens
from models.layers import initialize_xavier


class TokenBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of (B, N, D) tokens over the samples and the tokens."""

    def forward(self, tokens_BND: Tensor) -> Tensor:
        return super().forward(tokens_BND.flatten(0, 1)).view_as(tokens_BND)


def token_mlp(num_layers: int, width: int, hidden_width: int) -> nn.Sequential:
    """Return linear layers without bias over tokens, each followed by batch normalisation.

    All but the last have a ReLU; the last one's normalisation has no scale or shift, as in
    SimCLR (Chen et al., ICML 2020) and MoCo v3 (Chen et al., ICCV 2021).
    """
    layers: list[nn.Module] = []
    for i in range(num_layers):
        is_last = i == num_layers - 1
        num_outputs = width if is_last else hidden_width
        layers.append(nn.Linear(width if i == 0 else hidden_width, num_outputs, bias=False))
        layers.append(TokenBatchNorm(num_outputs, affine=not is_last))
        if not is_last:
            layers.append(nn.ReLU(inplace=True))
    mlp = nn.Sequential(*layers)
    initialize_xavier(mlp)
    return mlp


class TeacherProjection(nn.Module):
    """W . LN(tokens): a teacher's patches in the student's width, on the student's grid.

    Args:
        teacher_width: Of the teacher's tokens.
        width: Of the student's.
        cells: Teacher's patches per side of a student's patch; above 1 they are joined by a
            convolution, as EventPretrain's release does for Swin.
    """

    def __init__(self, teacher_width: int, width: int, cells: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(teacher_width)
        # The release has no bias in its linear layer and one in its convolution.
        self.join = nn.Conv2d(teacher_width, width, cells, cells, bias=cells > 1)
        nn.init.xavier_uniform_(self.join.weight.flatten(1))

    def forward(self, taught: Tokens) -> Tensor:
        """Return the (B, N, width) projected patches."""
        normed = self.norm(taught.patches_BND).transpose(1, 2)
        joined: Tensor = self.join(normed.unflatten(2, (taught.height, taught.width)))
        return joined.flatten(2).transpose(1, 2)
