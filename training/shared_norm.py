"""Batch normalisation over the global batch, on any device; torch's own knows GPUs alone."""

# B samples and tokens, C channels, W processes

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from models.global_batch import gathered, num_processes
from models.projection import TokenBatchNorm


class SharedNorm(nn.Module):
    """Takes the place of a batch normalisation, and its weights and buffers under their names.

    Every process must normalise equally many values. Gradients are exact: what one process says
    moves the mean and the variance of all.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.eps, self.momentum = norm.eps, norm.momentum
        self.channel_dim = -1 if isinstance(norm, TokenBatchNorm) else 1
        self.weight, self.bias = norm.weight, norm.bias
        for name, value in norm.named_buffers(recurse=False):
            self.register_buffer(name, value)
        self.train(norm.training)

    def forward(self, values: Tensor) -> Tensor:
        channels_last = values.movedim(self.channel_dim, -1)
        rows_BC = channels_last.flatten(0, -2).float()
        if self.training:
            mean_C, var_C = self._moments(rows_BC)
        else:
            mean_C, var_C = self.running_mean, self.running_var
        normed_BC = (rows_BC - mean_C) * torch.rsqrt(var_C + self.eps)
        if self.weight is not None:
            normed_BC = normed_BC * self.weight + self.bias
        out = normed_BC.view_as(channels_last).movedim(-1, self.channel_dim)
        return out.to(values.dtype)

    def _moments(self, rows_BC: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the variance (n) of all processes' rows; move the running ones."""
        own_2C = torch.stack([rows_BC.mean(0), rows_BC.var(0, correction=0)])
        means_WC, vars_WC = gathered(own_2C[None]).unbind(1)
        mean_C = means_WC.mean(0)
        var_C = (vars_WC + (means_WC - mean_C).square()).mean(0)
        with torch.no_grad():
            num = num_processes() * len(rows_BC)
            self.num_batches_tracked += 1
            share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean_C, share)
            self.running_var.lerp_(var_C * (num / (num - 1)), share)
        return mean_C, var_C


def share_norms(module: nn.Module) -> None:
    """Let every batch normalisation inside ``module`` see the samples of all processes."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, _BatchNorm):
                parent.add_module(name, SharedNorm(child))
