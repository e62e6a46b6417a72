"""The option of every verb that may open a camera."""

from __future__ import annotations

import argparse

from events.sources.open import CAPTURES_IN_CHILD


def add_capture_option(parser: argparse.ArgumentParser) -> None:
    """Add --capture-process and its negation."""
    state = "on" if CAPTURES_IN_CHILD else "off"
    parser.add_argument(
        "--capture-process",
        action=argparse.BooleanOptionalAction,
        default=CAPTURES_IN_CHILD,
        help="read a camera in a process of its own, which a busy window or network cannot hold "
        f"up (default: {state}; network streams always are)",
    )
