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


def shape_of(
    tensors: Mapping[str, Tensor], name: str, path: Path, num_dims: int | None = None
) -> tuple[int, ...]:
    """Return the shape of a tensor that tells the encoder's sizes.

    Raises:
        OfficialError: there is no such tensor, or it has other dimensions.
    """
    if name not in tensors:
        raise OfficialError(f"{path} has no tensor {name!r}: it is another kind of checkpoint")
    shape = tuple(tensors[name].shape)
    if num_dims is not None and len(shape) != num_dims:
        raise OfficialError(f"{path}: tensor {name!r} must have {num_dims} dimensions, has {shape}")
    return shape


def under(prefix: str, layout: Mapping[str, Source]) -> dict[str, Source]:
    """Return a layout whose published names all begin with ``prefix``."""
    return {ours: replace(each, name=prefix + each.name) for ours, each in layout.items()}


def first_prefix(names: Iterable[str], prefixes: Iterable[str]) -> str:
    """Return the first of ``prefixes`` that some name begins with; none is the empty one."""
    known = list(names)
    return next((each for each in prefixes if any(name.startswith(each) for name in known)), "")


def count_blocks(names: Iterable[str], prefix: str) -> int:
    """Return how many blocks are numbered after ``prefix``: 12 for "blocks.0." to "blocks.11."."""
    numbers = {name[len(prefix) :].split(".")[0] for name in names if name.startswith(prefix)}
    return len({number for number in numbers if number.isdigit()})


def fill(
    encoder: nn.Module,
    tensors: Mapping[str, Tensor],
    layout: Mapping[str, Source],
    dropped: Mapping[str, str],
    path: Path,
) -> None:
    """Load every parameter of ``encoder``; see ``build_model``.

    Raises:
        OfficialError: a tensor is missing, unknown or of another shape.
    """
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
