"""open_source: from what a user typed to a source."""

from __future__ import annotations

import importlib
import re

from events.packet import SensorSize
from events.sources.source import Source, SourceError

FORMS = "FILE | camera[:SERIAL] | tcp://HOST:PORT | unix:PATH | synthetic[:SEED]"

CAPTURES_IN_CHILD = False
"""Whether cameras are read in a child process where nothing else is said; `saccade bench --only
window` measures both."""


def open_source(
    text: str, sensor: SensorSize | None = None, *, in_child: bool = CAPTURES_IN_CHILD
) -> Source:
    """Return the source that ``text`` names, not yet entered.

    Args:
        text: One of FORMS. A file of such a name is reached as ./camera.
        sensor: The sensor's size, of a file that does not say it; None is to guess it.
        in_child: Whether a camera is read in a child process; network streams always are.

    Raises:
        SourceError: The text has none of these forms, or a size is given for what is no file.
    """
    kind, _, rest = text.partition(":")
    is_file = kind not in ("camera", "synthetic", "unix") and "://" not in text
    if sensor is not None and not is_file:
        raise SourceError(f"{text} says its sensor's size itself: --sensor is for recordings")
    if kind == "camera":
        return _made("camera", "CameraSource", serial=rest or None, in_child=in_child)
    if kind == "synthetic":
        if not re.fullmatch(r"\d{1,18}|", rest):
            raise SourceError(f"synthetic:SEED needs a whole number from 0, got {rest!r}")
        return _made("synthetic", "SyntheticSource", **({"seed": int(rest)} if rest else {}))
    if text.startswith(("tcp://", "unix:")):
        return _made("network", "NetworkSource", address=text)
    if "://" in text:
        raise SourceError(f"{text} is not a source that saccade knows: give {FORMS}")
    if not text:
        raise SourceError(f"no source was named: give {FORMS}")
    return _made("replay", "ReplaySource", path=text, sensor=sensor)


def _made(module: str, name: str, **arguments: object) -> Source:
    # Found by name: each source's libraries are loaded only when it is asked for.
    source: Source = getattr(importlib.import_module(f"events.sources.{module}"), name)(**arguments)
    return source
