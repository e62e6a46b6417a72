"""Where an encoder's parameters are found among the tensors of a published checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

NUM_NAMED = 4
"""Names that an error shows before it only counts."""
WRAPPER = "module."
"""What torch's DataParallel and DistributedDataParallel put before every name."""


class OfficialError(ValueError):
    """A file is not the published checkpoint that it was said to be."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where one of our parameters is found: a published tensor, or what is made of it."""

    name: str
    convert: Callable[[Tensor], Tensor] | None = None

    def value(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Return the parameter's value."""
        tensor = tensors[self.name]
        return tensor if self.convert is None else self.convert(tensor)


def third(index: int, name: str) -> Source:
    """Return the query (0), key (1) or value (2) rows of a tensor that stacks them."""
    return Source(name, lambda stacked: stacked.chunk(3)[index])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a published file."""

    path: Path
    tensors: Mapping[str, Tensor]
    """By published name, without data-parallel prefixes."""
    prefix: str = ""
    """What stands before the names of the encoder's tensors."""

    def shape(self, name: str, num_dims: int) -> tuple[int, ...]:
        """Return the shape of a tensor that tells the encoder's sizes.

        Args:
            name: Without the prefix.
            num_dims: How many dimensions it must have.

        Raises:
            OfficialError: there is no such tensor, or it has other dimensions.
        """
        name = self.prefix + name
        if name not in self.tensors:
            raise OfficialError(
                f"{self.path} has no tensor {name!r}: it is another kind of checkpoint"
            )
        shape = tuple(self.tensors[name].shape)
        if len(shape) != num_dims:
            raise OfficialError(
                f"{self.path}: tensor {name!r} must have {num_dims} dimensions, has {shape}"
            )
        return shape

    def num_blocks(self, stem: str) -> int:
        """Return how many blocks are numbered after ``stem``: 2 for "blocks.0." and "blocks.1."."""
        stem = self.prefix + stem
        names = (name for name in self.tensors if name.startswith(stem))
        numbers = {name[len(stem) :].split(".")[0] for name in names}
        return len({number for number in numbers if number.isdigit()})

    def named(self, layout: Mapping[str, Source], stem: str = "") -> dict[str, Source]:
        """Return a layout of names below ``stem`` with the file's own names."""
        before = self.prefix + stem
        return {ours: replace(each, name=before + each.name) for ours, each in layout.items()}

    def beside(self, reason: str) -> dict[str, str]:
        """Return why each tensor is left out that does not begin with the prefix."""
        return {name: reason for name in self.tensors if not name.startswith(self.prefix)}


def read_checkpoint(path: Path, nested: Iterable[str], prefixes: Iterable[str] = ()) -> Checkpoint:
    """Read a published file; its prefix is the first of ``prefixes`` that some name begins with.

    Raises:
        FileNotFoundError: there is no such file.
        OfficialError: the file holds no tensors by name.
    """
    tensors = read_tensors(path, nested)
    found = (each for each in prefixes if any(name.startswith(each) for name in tensors))
    return Checkpoint(path, tensors, next(found, ""))


def read_tensors(path: Path, nested: Iterable[str] = ()) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, without data-parallel prefixes.

    Only tensors and plain containers are unpickled, never code.

    Args:
        path: A file of ``torch.save``.
        nested: Keys under which the authors' code puts the weights; the first one present, at
            each level, is opened, and what lies beside it (an optimizer, a step) is left.

    Raises:
        FileNotFoundError: there is no such file.
        OfficialError: the file holds no such dictionary.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {path}: check the name")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch's parser lets out whatever it meets in a damaged file
        raise OfficialError(
            f"{path} is no checkpoint of torch.save that holds weights alone, or a damaged one: "
            "fetch it again"
        ) from None
    keys = list(nested)
    while isinstance(content, dict):
        inner = next((key for key in keys if isinstance(content.get(key), dict)), None)
        if inner is None:
            break
        content = content[inner]
    if not isinstance(content, dict) or not content:
        raise OfficialError(f"{path} holds no tensors by name, but a {type(content).__name__}")
    strangers = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if strangers:
        raise OfficialError(f"{path} holds more than tensors: {shortened(strangers)}")
    return {str(key).removeprefix(WRAPPER): value for key, value in content.items()}


def fill(
    encoder: nn.Module,
    checkpoint: Checkpoint,
    layout: Mapping[str, Source],
    dropped: Mapping[str, str],
) -> None:
    """Load every parameter of ``encoder``; see ``build_model``.

    Raises:
        OfficialError: a tensor is missing, unknown or of another shape.
    """
    path, tensors = checkpoint.path, checkpoint.tensors
    state = encoder.state_dict()
    assert set(state) == set(layout), sorted(set(state) ^ set(layout))
    used = {source.name for source in layout.values()}
    missing = sorted(used - set(tensors))
    unknown = sorted(set(tensors) - used - set(dropped))
    problems = [f"misses {shortened(missing)}"] if missing else []
    problems += [f"has {shortened(unknown)}, which nothing here uses"] if unknown else []
    if problems:
        raise OfficialError(f"{path} is not the published layout: it {' and '.join(problems)}")
    values = {name: source.value(tensors) for name, source in layout.items()}
    for name, value in values.items():
        if value.shape != state[name].shape:
            raise OfficialError(
                f"{path}: tensor {layout[name].name!r} gives {tuple(value.shape)}, "
                f"the encoder's {name} is {tuple(state[name].shape)}"
            )
    encoder.load_state_dict({name: value.float() for name, value in values.items()})


def shortened(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - NUM_NAMED} more" if len(names) > NUM_NAMED else ""
    return ", ".join(str(name) for name in names[:NUM_NAMED]) + more
