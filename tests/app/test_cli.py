from __future__ import annotations

import os
import signal
import subprocess
import sys
import types
from collections.abc import Callable

import pytest

from app import cli


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int | None]], None]:
    """A function that puts a body in the place of `saccade info`."""

    def install(body: Callable[[], int | None]) -> None:
        module = types.ModuleType("app.verbs.info")
        module.add_arguments = lambda parser: parser.add_argument("--count", type=int)  # type: ignore[attr-defined]
        module.run = lambda args: body()  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "app.verbs.info", module)

    return install


def raising(error: BaseException) -> Callable[[], int]:
    def body() -> int:
        raise error

    return body


def test_a_verbs_own_code_is_the_exit_code(verb) -> None:
    verb(lambda: 3)
    assert cli.main(["info"]) == 3
    verb(lambda: None)
    assert cli.main(["info"]) == 0


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (cli.UserError("no such camera"), "no such camera"),
        (ValueError("a\n  b"), "a b"),
        (RuntimeError(), "RuntimeError"),
        (FileNotFoundError(2, "No such file or directory", "x.aedat4"), "x.aedat4: No such file"),
        (OSError(28, "No space left on device"), "No space left on device: free some space"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch.nn"),
            "library torch is missing",
        ),
        (ImportError("libGL.so.1: cannot open"), "does not load (libGL.so.1: cannot open)"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(verb, capsys, error, line) -> None:
    verb(raising(error))
    assert cli.main(["info"]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("saccade: ")
    assert line in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize("arguments", [["--debug", "info"], ["info", "--debug"]])
def test_debug_shows_the_traceback(verb, arguments) -> None:
    verb(raising(RuntimeError("here")))
    with pytest.raises(RuntimeError, match="here"):
        cli.main(arguments)


def test_an_interrupted_verb_gives_130(verb, capsys) -> None:
    verb(raising(KeyboardInterrupt()))
    assert cli.main(["info"]) == 130
    assert capsys.readouterr().err == "saccade: interrupted\n"


def test_a_termination_ends_also_a_background_job_that_ignores_interrupts(verb) -> None:
    def terminate_oneself() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    verb(terminate_oneself)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert cli.main(["info"]) == 130
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_termination_is_an_interruption_and_its_handler_is_put_back(verb) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def terminate_oneself() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    verb(terminate_oneself)
    assert cli.main(["info"]) == 130
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["recrod", "camera"], "there is no verb 'recrod': did you mean record?"),
        (["xyzzy"], "choose from demo, gui, run"),
        ([], "arguments are required: VERB"),
        (["info", "--count", "x"], "invalid int value: 'x'"),
        (["info", "--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_bad_usage_gives_2_and_says_what_was_meant(verb, capsys, arguments, line) -> None:
    verb(lambda: 0)
    with pytest.raises(SystemExit) as exit_info:
        cli.main(arguments)
    assert exit_info.value.code == 2
    assert line in capsys.readouterr().err


def test_a_file_in_the_place_of_a_verb_is_recognised(tmp_path, capsys) -> None:
    path = tmp_path / "x.aedat4"
    path.touch()
    with pytest.raises(SystemExit):
        cli.main([str(path)])
    assert f"to open that file, saccade gui {path}" in capsys.readouterr().err


def test_a_verb_that_is_not_installed_is_told_in_one_line(monkeypatch, capsys) -> None:
    monkeypatch.setitem(cli.VERBS, "fly", "fly away")
    assert cli.main(["fly"]) == 1
    assert capsys.readouterr().err.startswith("saccade: this installation has no verb 'fly'")


def test_every_verb_has_a_summary_that_help_shows(capsys) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["--help"])
    assert exit_info.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name, summary in cli.VERBS.items():
        assert f"{name} {summary}" in shown


def test_the_version_tells_the_providers_and_the_optional_parts(capsys) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["--version"])
    assert exit_info.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith("saccade ")
    assert "built with" in shown
    assert "CPU" in shown
    assert "dv-processing" in shown


def test_the_command_itself_imports_nothing_heavy() -> None:
    program = (
        "import sys, app.cli\n"
        "try: app.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('numpy', 'torch', 'PySide6', 'rich', 'numba') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_has_gone_is_no_failure() -> None:
    program = (
        "import sys, types, app.cli\n"
        "verb = types.ModuleType('app.verbs.info')\n"
        "verb.add_arguments = lambda parser: None\n"
        "verb.run = lambda args: print('x\\n' * 1_000_000)\n"
        "sys.modules['app.verbs.info'] = verb\n"
        "sys.exit(app.cli.main(['info']))"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], text=True, **pipes) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.stdout.close()
        assert writer.stderr.read() == ""
        assert writer.wait(10) == 0


def test_verbs_are_not_abbreviated() -> None:
    with pytest.raises(SystemExit):
        cli.main(["rec"])
