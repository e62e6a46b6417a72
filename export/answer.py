"""Answer: what a network said as its engine gives it: float32 or decoded, in the card's order."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from models.card import ModelCard
from models.device_decode import DeviceDecode, map_sizes


class Answer(nn.Module):
    """Turns a network's raw outputs into those of its engine.

    Args:
        card: Names the outputs, and says whether they are decoded.
        said: An example of the raw outputs, by name.
    """

    def __init__(self, card: ModelCard, said: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.names = card.outputs
        self.decode: DeviceDecode | None = None
        if card.is_decoded and card.sensor is not None:
            letterbox = Letterbox(SensorSize(*card.sensor), card.input_height, card.input_width)
            self.decode = DeviceDecode(card, letterbox, map_sizes(said))

    def forward(self, said: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        outputs = {name: value.float() for name, value in said.items()}
        if self.decode is not None:
            outputs = self.decode(outputs)
        return tuple(outputs[name] for name in self.names)
