"""What torch raises of its device, told as DeviceLostError: so that the CPU's stand-in comes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from export.backends.backend import DeviceLostError
from export.runtime_errors import first_line, lost_reason


@contextlib.contextmanager
def device_errors(what: str) -> Iterator[None]:
    """Turn torch's errors of the device into DeviceLostError: after one, nothing runs there.

    Args:
        what: Runs there, for messages.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise DeviceLostError(
            f"{what} ran out of the GPU's memory: close what else uses it, or run on the CPU"
        ) from None
    except RuntimeError as error:  # cuDNN's and cuBLAS's errors have no class of their own
        if not isinstance(error, torch.AcceleratorError) and lost_reason(str(error)) is None:
            raise
        raise DeviceLostError(
            f"{what} lost the GPU ({first_line(error)}): run on the CPU"
        ) from error
