"""MobileNets as frozen teachers: an embedding, or a map of features and class scores.

Sources: Howard et al., "MobileNets", arXiv 1704.04861; Sandler et al., "MobileNetV2", CVPR 2018.
The quantised TensorFlow Lite files of the Coral models, run by ``ai-edge-litert`` (the extra
``teachers``).
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.teachers.teacher import TeacherError

INPUT_SIZE = 224
WIDTH = 1024
"""Length of a MobileNet v1 embedding."""
MAP_WIDTH = 320
"""Channels of a MobileNetV2 map: its last linear bottleneck."""
MAP_SIZE = 7
NUM_CLASSES = 1000
MAP_LAYER = "MobileNetV2/expanded_conv_17/project/Conv2D"
SCORE_LAYER = "MobileNetV2/top/SpatialSqueeze/Reshape"


class MobileNetEmbedding:
    """Turns pictures into unit vectors; never trained, never saved with a model."""

    def __init__(self, path: Path) -> None:
        self.fingerprint = fingerprint(path)
        self._interpreter = _interpreter(path, keep_inner=False)
        self._output = self._interpreter.get_output_details()[0]

    def embed(self, picture: Image.Image) -> npt.NDArray[np.float32]:
        """Return the (1024,) embedding of a picture of any size, of length 1."""
        _show(self._interpreter, picture)
        values = _read(self._interpreter, self._output).reshape(-1)
        unit: npt.NDArray[np.float32] = values / max(float(np.linalg.norm(values)), 1e-6)
        return unit


class MobileNetV2:
    """Turns pictures into a map of features and the scores of ImageNet's classes."""

    def __init__(self, path: Path) -> None:
        self.fingerprint = fingerprint(path)
        self._interpreter = _interpreter(path, keep_inner=True)
        details = self._interpreter.get_tensor_details()
        self._map = _layer(details, MAP_LAYER, (1, MAP_SIZE, MAP_SIZE, MAP_WIDTH), path)
        self._scores = _layer(details, SCORE_LAYER, (1, NUM_CLASSES + 1), path)

    def look(self, picture: Image.Image) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the (320, 7, 7) map and the (1000,) logits, in the order of WordNet ids.

        The picture, of any size, is stretched to the network's square.
        """
        _show(self._interpreter, picture)
        features = _read(self._interpreter, self._map)[0].transpose(2, 0, 1)
        return features, _read(self._interpreter, self._scores)[0, 1:]  # 0 is background


def fingerprint(path: Path) -> str:
    """Return what tells a network's file from another's.

    Raises:
        TeacherError: it is not there.
    """
    if not path.is_file():
        raise TeacherError(f"no teacher {path}: set SACCADE_DATA to the folder of the data")
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _interpreter(path: Path, *, keep_inner: bool) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise TeacherError(
            "distillation needs ai-edge-litert: pip install 'saccade[teachers]'"
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # inner layers cost memory: a few MB here
        interpreter: Any = Interpreter(
            str(path), num_threads=1, experimental_preserve_all_tensors=keep_inner
        )
    interpreter.allocate_tensors()
    return interpreter


def _show(interpreter: Any, picture: Image.Image) -> None:
    resized = picture.convert("RGB").resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BILINEAR)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.asarray(resized)[None])
    interpreter.invoke()


def _layer(details: list[Any], name: str, shape: tuple[int, ...], path: Path) -> Any:
    """Return the quantised layer of this shape whose name, a list of fused ones, has ``name``."""
    for detail in details:
        if name in detail["name"] and tuple(detail["shape"]) == shape:
            return detail
    raise TeacherError(f"{path} is no MobileNetV2 that we know: it has no {name} of shape {shape}")


def _read(interpreter: Any, detail: Any) -> npt.NDArray[np.float32]:
    scale, zero = detail["quantization"]
    values: npt.NDArray[np.float32] = interpreter.get_tensor(detail["index"]).astype(np.float32)
    return (values - np.float32(zero)) * np.float32(scale)
