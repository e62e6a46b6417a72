"""The `saccade` command: one verb, one file in app/verbs; a verb's imports happen only when it runs."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

VERBS = {
    "demo": "see a network understand a synthetic scene, with the ground truth beside it",
    "gui": "open the window on a recording, a camera, a network stream or a synthetic scene",
    "run": "write a network's predictions on a stream as JSON lines, video or arrays",
    "info": "say what is in a recording, and what is damaged",
    "record": "save a stream as .aedat4",
    "convert": "write a recording in another format or compression",
    "train": "train a network by a recipe",
    "eval": "measure a model on held-out data",
    "export": "turn a model file into an engine, checked against the model",
    "bench": "time every stage on this machine, with ratios against a baseline",
    "doctor": "check this machine: libraries, GPU, cameras, display",
}

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


class UserError(Exception):
    """Something that the user can cure; the message is the whole story, in one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return 0, 1 (failed), 2 (bad usage) or 130 (interrupted)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(arguments)
    parsed = parser.parse_args(arguments)
    try:
        return int(parsed.run(parsed) or 0)
    except KeyboardInterrupt:
        print("saccade: interrupted", file=sys.stderr)  # noqa: T201
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        if parsed.debug:
            raise
        name = "" if isinstance(error, UserError) or str(error) else type(error).__name__
        message = " ".join(f"{name}{error}".split())
        print(f"saccade: {message}", file=sys.stderr)  # noqa: T201
        return EXIT_FAILED


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser that knows every verb's name, and the options of the one that is asked for."""
    parser = argparse.ArgumentParser(prog="saccade", description="See through an event camera.")
    parser.add_argument("--version", action="version", version=_version())
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    asked = next((argument for argument in arguments if argument in VERBS), None)
    for verb, summary in VERBS.items():
        subparser = verbs.add_parser(verb, help=summary, description=summary[0].upper() + summary[1:] + ".")
        subparser.add_argument("--debug", action="store_true", help="show the traceback of an error")
        if verb == asked:
            module = importlib.import_module(f"app.verbs.{verb}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"saccade {version('saccade')}"
    except PackageNotFoundError:
        return "saccade (not installed)"


if __name__ == "__main__":
    sys.exit(main())
