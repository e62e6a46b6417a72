from __future__ import annotations

import sys

import pytest

from app.cli import UserError
from app.ui.screen import display_problem, ensure_display, has_display

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X is Linux's")


@on_linux
def test_no_display_is_said_before_qt_would_abort(monkeypatch):
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not has_display()
    with pytest.raises(UserError, match="no display: set DISPLAY"):
        ensure_display()


@on_linux
@pytest.mark.parametrize("changes", [{}, {"QT_QPA_PLATFORM": "xcb"}, {"WAYLAND_DISPLAY": "gone"}])
def test_a_display_that_nobody_serves_is_none(changes):
    problem = display_problem({"DISPLAY": ":6543", **changes})
    assert problem is not None
    assert "DISPLAY=:6543" in problem or "sudo apt-get install" in problem


@on_linux
def test_a_wayland_socket_is_a_display(tmp_path):
    (tmp_path / "wayland-0").touch()
    environment = {"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert display_problem(environment) is None


def test_qt_s_own_platforms_need_no_display():
    assert display_problem({"QT_QPA_PLATFORM": "offscreen"}) is None
