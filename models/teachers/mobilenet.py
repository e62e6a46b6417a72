"""MobileNet v1 as a frozen teacher: one embedding for each picture.

Source: Howard et al., "MobileNets", 2017; the quantised TensorFlow Lite file of the Coral models,
run by ``ai-edge-litert`` (the extra ``teachers``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.teachers.teacher import TeacherError

INPUT_SIZE = 224
WIDTH = 1024
"""Length of an embedding."""


class MobileNetEmbedding:
    """Turns pictures into unit vectors; never trained, never saved with a model."""

    def __init__(self, path: Path) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise TeacherError(
                "distillation needs ai-edge-litert: pip install 'saccade[teachers]'"
            ) from None
        if not path.is_file():
            raise TeacherError(f"no teacher {path}: set SACCADE_DATA to the folder of the data")
        self._interpreter: Any = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]

    def embed(self, picture: Image.Image) -> npt.NDArray[np.float32]:
        """Return the (1024,) embedding of a picture of any size, of length 1."""
        resized = picture.convert("RGB").resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BILINEAR)
        self._interpreter.set_tensor(self._input["index"], np.asarray(resized)[None])
        self._interpreter.invoke()
        scale, zero = self._output["quantization"]
        raw = self._interpreter.get_tensor(self._output["index"]).reshape(-1)
        values = (raw.astype(np.float32) - zero) * scale
        unit: npt.NDArray[np.float32] = values / max(float(np.linalg.norm(values)), 1e-6)
        return unit
