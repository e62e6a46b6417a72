"""Public weights of transformers' models, from the hub or a local folder in its format."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

from torch import Tensor


def published_settings(name: str, model_types: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings of a published model, by transformers' names.

    Args:
        name: Hub name or local folder.
        model_types: Kinds that are welcome; of a model of pictures and text, the picture's part is
            returned.

    Raises:
        ValueError: there is no such model, or it is of another kind.
    """
    config = published_config(name)
    if config.model_type not in model_types:
        raise ValueError(
            f"{name} is a model of type {config.model_type}, this encoder starts from "
            f"{' or '.join(model_types)}"
        )
    settings: dict[str, Any] = _picture_part(config).to_dict()
    return settings


def published_weights(name: str, model_class: Any) -> dict[str, Tensor]:
    """Return the float32 weights of a published model, by the names of ``model_class``.

    Raises:
        ValueError: they cannot be had, or do not fill the class.
    """
    model = published_model(name, model_class, _picture_part(published_config(name)))
    weights: dict[str, Tensor] = model.state_dict()
    return weights


def published_model(name: str, model_class: Any, config: Any) -> Any:
    """Return a published model in float32, of a class and a config of transformers'.

    Raises:
        ValueError: its weights cannot be had, or do not fill the class.
    """
    with quiet():
        try:
            model, report = model_class.from_pretrained(
                name, config=config, output_loading_info=True
            )
        except Exception as error:  # a damaged file makes many kinds
            raise _unreachable(name, error) from None
    missing = sorted(report["missing_keys"])
    if missing:
        raise ValueError(f"{name} lacks {len(missing)} weights, the first is {missing[0]}")
    return model.float()


def published_config(name: str) -> Any:
    """Return the config of a published model, as transformers makes it.

    Raises:
        ValueError: there is no such model.
    """
    return _published("AutoConfig", name)


def published_tokenizer(name: str) -> Any:
    """Return the tokenizer of a published model of pictures and text.

    Raises:
        ValueError: it cannot be had.
    """
    return _published("AutoTokenizer", name)


def _published(kind: str, name: str) -> Any:
    with quiet():
        loader = getattr(importlib.import_module("transformers"), kind)
        try:
            return loader.from_pretrained(name)
        except Exception as error:  # a damaged file makes many kinds
            raise _unreachable(name, error) from None


def _picture_part(config: Any) -> Any:
    """Return the settings of the tower of pictures, where there is another one of texts."""
    if not hasattr(config, "vision_config"):
        return config
    part = config.vision_config
    part.projection_dim = config.projection_dim  # the whole model's decides
    return part


def _unreachable(name: str, error: Exception) -> ValueError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ValueError(
        f"no published model {name!r}: it is neither a local folder in transformers' format nor a "
        f"hub name that can be reached ({reason})"
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' progress bars and reports to errors."""
    logging: Any = importlib.import_module("transformers.utils.logging")  # untyped
    verbosity, has_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bar:
            logging.enable_progress_bar()
