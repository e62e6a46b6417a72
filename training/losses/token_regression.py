"""The regression terms of GEP's alignment: each event token becomes its image token.

Source: "Generative Event Pretraining with Foundation Model Alignment" (GEP), arXiv 2603.23032,
stage 1, the regression half of its joint objective.
"""

# B batch, N tokens, D width of a token

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cosine_similarity, log_softmax, mse_loss, normalize, softmax

KLD_TEMPERATURE = 2.0


def token_cosine(event_BND: Tensor, image_BND: Tensor) -> Tensor:
    """Return ``cos``: 1 - the mean over all tokens of cos(e_n, i_n)."""
    return 1 - cosine_similarity(event_BND.float(), image_BND.float(), dim=-1).mean()


def token_mse(event_BND: Tensor, image_BND: Tensor) -> Tensor:
    """Return ``mse``: the mean over batch, tokens and channels of (e - i)^2."""
    return mse_loss(event_BND.float(), image_BND.float())


def token_kld(event_BND: Tensor, image_BND: Tensor) -> Tensor:
    """Return ``kld``: T^2 KL(image || event) of tokens read as distributions over channels.

    Each token is brought to length 1 and its softmax taken at T = 2; the mean is over tokens. The
    released code hands over event and image in this order, which in PyTorch's convention is the
    event's log-probabilities against the image's.
    """
    event = log_softmax(normalize(event_BND.float(), dim=-1) / KLD_TEMPERATURE, dim=-1)
    image = softmax(normalize(image_BND.float(), dim=-1) / KLD_TEMPERATURE, dim=-1)
    divergence_BN = (image * (image.clamp(min=1e-30).log() - event)).sum(-1)
    return KLD_TEMPERATURE**2 * divergence_BN.mean()
