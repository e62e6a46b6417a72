"""The options that say how a stream is filtered and cut into windows."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.cli import UserError, check_at_least_1, option_of
from app.filter_choices import chosen_filters, described_filters
from events.filters import FilterConfig
from events.windows import WindowConfig

if TYPE_CHECKING:
    from models.card import ModelCard

MAX_EVENTS = 10_000_000
"""Most events of a window, or from one to the next: a window's are held in memory."""
TIME_OPTIONS, EVENT_OPTIONS = ("window_us", "stride_us"), ("window_events", "stride_events")


def add_cut_options(parser: argparse.ArgumentParser) -> None:
    """Add windows of time, windows of events, and filters."""
    parser.add_argument("--window-us", type=int, metavar="N", help="default: the engine's")
    parser.add_argument("--stride-us", type=int, metavar="N", help="default: the engine's")
    parser.add_argument(
        "--window-events", type=int, metavar="N",
        help="cut windows of so many events instead, however long they take",
    )  # fmt: skip
    parser.add_argument(
        "--stride-events", type=int, metavar="N",
        help="events from one such window to the next; default: as many as a window has",
    )  # fmt: skip
    parser.add_argument(
        "--filter", action="append", default=[], dest="filters", metavar="NAME[:KEY=VALUE,...]",
        help="remove noise first, as the window does; may be given for each of "
        f"{described_filters()}",
    )  # fmt: skip


def check_windows(args: argparse.Namespace) -> None:
    """Raise UserError where the options contradict one another, or a number is out of range."""
    check_at_least_1(args, *TIME_OPTIONS, *EVENT_OPTIONS)
    for name in EVENT_OPTIONS:
        value = getattr(args, name)
        if value is not None and value > MAX_EVENTS:
            raise UserError(f"{option_of(name)} must be at most {MAX_EVENTS:,}, got {value:,}")
    if args.window_events is None:
        if args.stride_events is not None:
            raise UserError("--stride-events is of windows of events: give --window-events too")
        return
    for name in TIME_OPTIONS:
        if getattr(args, name) is not None:
            raise UserError(f"--window-events and {option_of(name)} exclude one another: give one")


def filters_of(args: argparse.Namespace) -> Sequence[FilterConfig]:
    """Return the filters that were asked for; UserError where there is no such one."""
    try:
        return chosen_filters(args.filters)
    except ValueError as error:
        raise UserError(str(error)) from None


def windows_of(args: argparse.Namespace, card: ModelCard) -> WindowConfig:
    """Return how to cut: as asked for, else as the engine was trained."""
    if args.window_events is not None:
        return WindowConfig(
            length_us=None,
            stride_us=None,
            length_events=args.window_events,
            stride_events=args.stride_events,
        )
    return WindowConfig(
        length_us=args.window_us or card.window_us, stride_us=args.stride_us or card.stride_us
    )


def note_of(windows: WindowConfig, card: ModelCard) -> str:
    """Return what the user must know of an engine on such windows; empty for nothing."""
    if windows.length_events is None:
        return ""
    return (
        f"{card.name} was trained on windows of {card.window_us / 1000:g} ms: those of "
        f"{windows.length_events:,} events are shorter or longer, and look different to it"
    )
