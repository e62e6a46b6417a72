from __future__ import annotations

import json

import pytest

from app import cli
from app.checks.check import Check, fail, ok, warn
from app.verbs import doctor


def with_checks(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> None:
    monkeypatch.setattr(doctor, "GROUPS", (lambda: iter(checks), lambda: iter(())))


@pytest.mark.parametrize(
    ("checks", "code", "last"),
    [
        ((ok("a", "1"),), 0, "All is well."),
        ((ok("a", "1"), warn("b", "2", "do c")), 0, "Engines run here, with 1 warning."),
        ((warn("b", "2", "do c"), fail("d", "3", "do e")), 1, "Engines cannot run here"),
    ],
)
def test_only_a_failure_fails(monkeypatch, capsys, checks, code, last) -> None:
    with_checks(monkeypatch, *checks)
    assert cli.main(["doctor"]) == code
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(checks) + 1
    assert lines[-1].startswith(last)


def test_each_check_is_one_line_with_its_cure(monkeypatch, capsys) -> None:
    with_checks(monkeypatch, ok("numpy", "2.4.6"), warn("display", "none " * 60, "set DISPLAY"))
    cli.main(["doctor"])
    good, bad, _ = capsys.readouterr().out.splitlines()
    assert good.split() == ["ok", "numpy", "2.4.6"]
    assert bad.startswith("warn  display  none none")
    assert bad.endswith(": set DISPLAY")


def test_json_tells_the_same(monkeypatch, capsys) -> None:
    with_checks(monkeypatch, fail("engine", "missing", "install again"))
    assert cli.main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "can_run": False,
        "checks": [
            {
                "subject": "engine",
                "verdict": "fail",
                "message": "missing",
                "cure": "install again",
            }
        ],
    }


def test_this_machine_can_be_checked(capsys) -> None:
    assert cli.main(["doctor", "--json"]) in (0, 1)
    subjects = {c["subject"] for c in json.loads(capsys.readouterr().out)["checks"]}
    assert {"Python", "onnxruntime", "CPU engine", "display", "disk", "engine"} <= subjects
