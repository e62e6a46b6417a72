"""Tokens of many scenes' frames: made by a frozen encoder and a frozen teacher, kept on disk."""
# F windows of a sequence, N tokens of a frame, D width of a token

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from events.representations.representation import Spec
from models.encoders.encoder import Encoder
from models.teachers.teacher import Teacher
from training.data.batch import placed_image
from training.data.dataset import DataSet, LabelledWindow, Sequential
from training.data.features import FeatureCache, cache_folder

KINDS = ("event", "image")
"""Of tokens, by the names under which they are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One sequence of windows, entirely decided by what stands here."""

    dataset: int
    """Index of the data set."""
    index: int
    """Which of its scenes."""
    num_windows: int
    is_static: bool
    """Whether it is a still picture's only window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """What encoder and teacher are shown of a sequence."""

    events: npt.NDArray[np.float32]
    """(F, C, H, W) network inputs."""
    images: npt.NDArray[np.uint8]
    """(F, 3, H, W) RGB at each window's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """How scenes are shown."""

    spec: Spec
    height: int
    width: int
    window_us: int
    seed: int

    def show(self, dataset: DataSet, scene: Scene) -> Frames:
        """Return a scene's frames.

        Raises:
            ValueError: the data set has no consecutive windows, or no pictures.
        """
        windows = self._windows(dataset, scene)
        letterbox = Letterbox(windows[0].packet.sensor, self.height, self.width)
        images = [window.image for window in windows if window.image is not None]
        if len(images) < len(windows):
            raise ValueError(f"data set {dataset.name} has no pictures beside its events")
        return Frames(
            events=np.stack([self.spec.network_input(each.packet, letterbox) for each in windows]),
            images=np.stack([placed_image(image, letterbox) for image in images]),
        )

    def _windows(self, dataset: DataSet, scene: Scene) -> list[LabelledWindow]:
        index = scene.index % dataset.num_windows("train")
        seed = self.seed + scene.index
        place = (SensorSize(self.width, self.height), self.window_us)
        if scene.num_windows == 1:
            return [dataset.window("train", index, seed, *place, augment=True, with_images=True)]
        if not isinstance(dataset, Sequential):
            raise ValueError(
                f"data set {dataset.name} has no consecutive windows: take it out of the data's "
                "sequences"
            )
        return dataset.sequence(
            "train", index, seed, *place, scene.num_windows, augment=True, with_images=True
        )


class Tokenizer:
    """A frozen encoder for events and a frozen teacher for pictures, whose tokens are alike.

    Raises:
        ValueError: their tokens differ in width.
    """

    def __init__(self, encoder: Encoder, teacher: Teacher) -> None:
        if encoder.widths[-1] != teacher.width:
            raise ValueError(
                f"the encoder's tokens are {encoder.widths[-1]} wide, those of teacher "
                f"{teacher.name} {teacher.width}: one sequence needs one width, so align an "
                "encoder of the teacher's width first"
            )
        self.encoder = encoder
        self.teacher = teacher

    @torch.no_grad()
    def __call__(self, events_BCHW: Tensor, images_B3HW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the final patch tokens of windows and of pictures, each (B, N, D).

        Raises:
            ValueError: their grids differ.
        """
        event = self.encoder.tokens(events_BCHW)
        image = self.teacher.tokens(images_B3HW)
        if (event.height, event.width) != (image.height, image.width):
            raise ValueError(
                f"the encoder has {event.height}x{event.width} tokens, teacher "
                f"{self.teacher.name} {image.height}x{image.width}: choose another "
                "--method.teacher, or align an encoder of its patches"
            )
        return event.patches_BND, image.patches_BND

    @property
    def fingerprint(self) -> str:
        """Decided by the weights of both."""
        digest = hashlib.sha256(self.teacher.fingerprint.encode())
        for name, value in self.encoder.state_dict().items():
            digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


class TokenCache:
    """The tokens of scenes, as float16, computed once."""

    def __init__(
        self,
        datasets: Sequence[DataSet],
        scenes: Sequence[Scene],
        camera: Camera,
        tokenizer: Tokenizer,
    ) -> None:
        self.scenes = scenes
        self.starts = [0, *accumulate(scene.num_windows for scene in scenes)]
        names = [dataset.name for dataset in datasets]
        key = {"tokenizer": tokenizer.fingerprint, "names": names, "scenes": scenes}
        folder = cache_folder("tokens", camera=camera, **key)
        self._cache = FeatureCache(folder=folder, names=KINDS, num_rows=self.starts[-1])
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        tokenizer.encoder.to(device).eval()

        def compute(rows: range) -> dict[str, npt.NDArray[np.float16]]:
            parts: list[tuple[Tensor, Tensor]] = []
            for scene, start in zip(scenes, self.starts, strict=False):
                end = start + scene.num_windows
                if start < rows.stop and rows.start < end:
                    frames = camera.show(datasets[scene.dataset], scene)
                    wanted = slice(max(rows.start - start, 0), rows.stop - start)
                    events = torch.from_numpy(frames.events[wanted]).to(device)
                    parts.append(
                        tokenizer(events, torch.from_numpy(frames.images[wanted]).to(device))
                    )
            both = (torch.cat(each).half().cpu().numpy() for each in zip(*parts, strict=True))
            return dict(zip(KINDS, both, strict=True))

        self._cache.fill(compute)
        tokenizer.encoder.to("cpu")

    def scene(self, number: int) -> tuple[Tensor, Tensor]:
        """Return scene ``number``'s event and image tokens, each (F, N, D) float32."""
        rows = range(self.starts[number], self.starts[number + 1])
        event, image = (
            torch.from_numpy(np.stack([self._cache.row(name, row) for row in rows])).float()
            for name in KINDS
        )
        return event, image
