"""The `saccade` command: one verb, one file in app/verbs; its imports happen only when it runs."""

from __future__ import annotations

import argparse
import errno
import importlib
import keyword
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

VERBS = {
    "demo": "see a network understand a synthetic scene, with the ground truth beside it",
    "gui": "open the window on a recording, a camera, a network stream or a synthetic scene",
    "run": "write a network's predictions on a stream as JSON lines, video or arrays",
    "info": "say what is in a recording, and what is damaged",
    "record": "save a stream as .aedat4",
    "convert": "write a recording in another format or compression",
    "data": "name the data sets; say what of them is found, missing or corrupt",
    "train": "train a network by a recipe",
    "eval": "measure a model on held-out data",
    "import": "make a model file of weights that others published",
    "label": "let a model taught with text recognise what words name",
    "teacher": "measure a frozen image teacher: k-NN, linear probe, zero-shot by text",
    "export": "turn a model file into an engine, checked against the model",
    "inspect": "print the card of an engine or a model: what it takes, says, costs and is made of",
    "bench": "time every stage on this machine, with ratios against a baseline",
    "doctor": "check this machine: libraries, GPU, cameras, display",
}
MIN_LIKENESS = 0.5

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130
IMPORT_POLL_S = 0.01
"""How often a Ctrl-C that met an import looks whether it is through."""


class UserError(Exception):
    """Something that the user can cure; the message is the whole story, in one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return 0, 1 (failed), 2 (bad usage) or 130 (interrupted)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    is_debugging = "--debug" in arguments
    # onnxruntime would number this device, and keep the number on its disk, as soon as it loads.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    with _Interruptible():
        try:
            parsed = _parser(arguments).parse_args(arguments)
            code = int(parsed.run(parsed) or 0)
            sys.stdout.flush()  # so that a reader who has gone is noticed here
            return code
        except KeyboardInterrupt:
            warn("interrupted")
            return EXIT_INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0  # `saccade run ... | head` is no failure
        except Exception as error:
            if is_debugging:
                raise
            warn(_one_line(error))
            return EXIT_FAILED


class _Interruptible:
    """While open, SIGTERM does what Ctrl-C does, and Ctrl-C waits for a library's import."""

    def __enter__(self) -> None:
        self._previous: dict[int, Any] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        self._previous[signal.SIGTERM] = signal.signal(signal.SIGTERM, _terminate)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._previous[signal.SIGINT] = signal.signal(signal.SIGINT, _interrupt)
            if hasattr(signal, "setitimer"):
                self._previous[signal.SIGALRM] = signal.signal(signal.SIGALRM, _interrupt)

    def __exit__(self, *exc_info: object) -> None:
        if hasattr(signal, "SIGALRM") and signal.SIGALRM in self._previous:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt; in the middle of an import, as soon as that is through.

    Libraries in C take an exception there for a bad installation (numpy) or abort (PySide6).
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            if not hasattr(signal, "setitimer"):  # Windows
                raise KeyboardInterrupt
            signal.setitimer(signal.ITIMER_REAL, IMPORT_POLL_S)
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _terminate(signum: int, frame: FrameType | None) -> None:
    on_interrupt = signal.getsignal(signal.SIGINT)
    if not callable(on_interrupt):  # ignored, as for a shell script's background jobs
        raise KeyboardInterrupt
    on_interrupt(signum, frame)


def option_of(name: str) -> str:
    """Return how an attribute of parsed arguments is spelt on the command line."""
    return f"--{name.replace('_', '-')}"


def check_at_least_1(args: argparse.Namespace, *names: str) -> None:
    """Raise UserError for the first of these options that was given as less than 1."""
    for name in names:
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"{option_of(name)} must be at least 1, got {value}")


def say(line: str) -> None:
    """Print what goes on, apart from what a verb gives."""
    print(line, file=sys.stderr)  # noqa: T201


def warn(line: str) -> None:
    """Print what the user should heed, named as this program's."""
    say(f"saccade: {line}")


def _one_line(error: Exception) -> str:
    """Return an error as the user should read it: value, limit, cure, but no class and no place."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        library = error.name.split(".")[0]
        return f"the library {library} is missing: `saccade doctor` tells what to install"
    if isinstance(error, ImportError):
        reason = " ".join(str(error).split())
        return f"a library does not load ({reason}): `saccade doctor` tells what to install"
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        cure = ": free some space" if error.errno == errno.ENOSPC else ""
        return f"{where}{error.strerror}{cure}"
    if isinstance(error, MemoryError):
        return "not enough memory: close other programs, or take shorter windows"
    return " ".join(str(error).split()) or type(error).__name__


class _Version(argparse.Action):
    """Print the version, what onnxruntime was built with, and the optional parts; then exit."""

    def __call__(self, parser: argparse.ArgumentParser, *args: object, **kwargs: object) -> None:
        from app.versions import version_lines

        print("\n".join(version_lines()))  # noqa: T201
        parser.exit()


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser that knows every verb's name, and the options of the one asked for."""
    parser = argparse.ArgumentParser(prog="saccade", description="See through an event camera.")
    parser.add_argument("--version", nargs=0, action=_Version, help="show versions and exit")
    debug = {"action": "store_true", "help": "show the traceback of an error"}
    parser.add_argument("--debug", **debug)  # type: ignore[arg-type]
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    if asked is not None and asked not in VERBS:
        parser.error(_unknown_verb(asked))
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb, summary in VERBS.items():
        description = summary[0].upper() + summary[1:] + "."
        subparser = verbs.add_parser(verb, help=summary, description=description)
        subparser.add_argument("--debug", default=argparse.SUPPRESS, **debug)  # type: ignore[arg-type]
        if verb == asked:
            module = _import_verb(verb)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser


def _import_verb(verb: str) -> Any:
    name = f"app.verbs.{verb}_" if keyword.iskeyword(verb) else f"app.verbs.{verb}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UserError(
            f"this installation has no verb {verb!r}: reinstall it with pip install -e ."
        ) from None


def _unknown_verb(word: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, VERBS, n=1, cutoff=MIN_LIKENESS)
    if near:
        return f"there is no verb {word!r}: did you mean {near[0]}?"
    if os.path.exists(word):
        return f"there is no verb {word!r}: to open that file, saccade gui {word}"
    return f"there is no verb {word!r}: choose from {', '.join(VERBS)}"


if __name__ == "__main__":
    sys.exit(main())
